-- Registrations that somebody took away: whoever comes with one is refused until it is let in again.
CREATE TABLE hub_sent_away (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX hub_sent_away_by_name ON hub_sent_away (workspace, name, version);
