-- What is done one after the other, because all of it needs the same repository; none where nothing has to wait.
ALTER TABLE deliveries ADD COLUMN line TEXT COLLATE "C";
UPDATE deliveries SET line = coalesce(CAST(body AS json) #>> '{what,object,repo,org,provider,providerId}', '')
    || '/' || coalesce(CAST(body AS json) #>> '{what,object,repo,owner}', '')
    || '/' || coalesce(CAST(body AS json) #>> '{what,object,repo,name}', '')
    WHERE state = 0 AND CAST(body AS json) #>> '{what,operation}' = 'OnPush';
CREATE INDEX deliveries_in_line ON deliveries (replica, line, sequence) WHERE state = 0 AND line IS NOT NULL;
