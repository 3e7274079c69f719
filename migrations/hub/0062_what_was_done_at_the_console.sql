-- What was done beside the hub, in the words of the audit log: kept with the change itself until a hub has written it down, so that
-- nothing is missing there that was done while none ran.
DROP TABLE hub_console_deed;
CREATE TABLE hub_console_deed (
    id TEXT NOT NULL PRIMARY KEY,
    operation TEXT NOT NULL,
    resource TEXT NOT NULL,
    said TEXT NOT NULL,
    who TEXT NOT NULL,
    done BIGINT NOT NULL,
    told BIGINT NOT NULL
);
CREATE INDEX hub_console_deed_untold ON hub_console_deed (told, done);
