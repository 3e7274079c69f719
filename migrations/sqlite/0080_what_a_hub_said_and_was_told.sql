-- Team mode: how far the log was reported to a hub, and what the hub delivered. state: 0 not dealt with, 1 answered, 2 the
-- hub has the answer.

CREATE TABLE reported (
    hub    TEXT    NOT NULL PRIMARY KEY,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT    NOT NULL UNIQUE,
    state    INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL
) STRICT;
CREATE INDEX waiting_deliveries ON deliveries (state, sequence) WHERE state < 2;
