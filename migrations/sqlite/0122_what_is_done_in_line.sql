-- What is done one after the other, because all of it needs the same repository; none where nothing has to wait.
ALTER TABLE deliveries ADD COLUMN line TEXT;
UPDATE deliveries SET line = coalesce(json_extract(body, '$.what.object.repo.org.provider.providerId'), '')
    || '/' || coalesce(json_extract(body, '$.what.object.repo.owner'), '')
    || '/' || coalesce(json_extract(body, '$.what.object.repo.name'), '')
    WHERE state = 0 AND json_extract(body, '$.what.operation') = 'OnPush';
CREATE INDEX deliveries_in_line ON deliveries (replica, line, sequence) WHERE state = 0 AND line IS NOT NULL;
