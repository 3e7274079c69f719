-- By whose request rights came to be what they are in a version: for the audit log of every hub that notices the change later.
CREATE TABLE hub_deed (
    version BIGINT NOT NULL PRIMARY KEY,
    who TEXT NOT NULL,
    request TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
