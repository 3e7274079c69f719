-- Replicas of one machine that share a database: who they are, and whose what is.

-- beats: how often it has said that it is there; who stops to say so is forgotten, and what it carried out is lost.
CREATE TABLE replicas (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    beats   BIGINT NOT NULL,
    beat_at BIGINT NOT NULL
);

-- Where attempts were made, because their logs are there. A row outlives its goal set until its replica has removed them.
CREATE TABLE attempt_places (
    goal_set    TEXT COLLATE "C" NOT NULL,
    unique_name TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    attempt     BIGINT NOT NULL,
    replica     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (goal_set, unique_name, environment, attempt)
);

ALTER TABLE leases ADD COLUMN replica TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Who wrote it last: of one that runs, who carries it.
ALTER TABLE errands ADD COLUMN replica TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Who was asked for it.
ALTER TABLE jobs ADD COLUMN replica TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Who deals with it.
ALTER TABLE deliveries ADD COLUMN replica TEXT COLLATE "C" NOT NULL DEFAULT '';
