-- Replicas of one machine that share a database: who they are, and whose what is. In a file all of it is the machine's own, and
-- stays empty.

-- beats: how often it has said that it is there; who stops to say so is forgotten, and what it carried out is lost.
CREATE TABLE replicas (
    id      TEXT    NOT NULL PRIMARY KEY,
    beats   INTEGER NOT NULL,
    beat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where attempts were made, because their logs are there. A row outlives its goal set until its replica has removed them.
CREATE TABLE attempt_places (
    goal_set    TEXT    NOT NULL,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    replica     TEXT    NOT NULL,
    PRIMARY KEY (goal_set, unique_name, environment, attempt)
) STRICT, WITHOUT ROWID;

ALTER TABLE leases ADD COLUMN replica TEXT NOT NULL DEFAULT '';
-- Who wrote it last: of one that runs, who carries it.
ALTER TABLE errands ADD COLUMN replica TEXT NOT NULL DEFAULT '';
-- Who was asked for it.
ALTER TABLE jobs ADD COLUMN replica TEXT NOT NULL DEFAULT '';
-- Who deals with it.
ALTER TABLE deliveries ADD COLUMN replica TEXT NOT NULL DEFAULT '';
