-- How far the log was read for what forges are told of commits. One row.
CREATE TABLE status_cursor (
    "only" BIGINT NOT NULL PRIMARY KEY CHECK ("only" = 1),
    cursor BIGINT NOT NULL
);

-- Commits whose forge is told how their goals stand. due: the last entry of the log that says so; told: the one up to which
-- the forge knows; report: what it was told last. A row goes with the last goal set of its commit.
CREATE TABLE commit_statuses (
    repo_key TEXT COLLATE "C" NOT NULL,
    sha      TEXT COLLATE "C" NOT NULL,
    forge    TEXT COLLATE "C" NOT NULL,
    goal_set TEXT COLLATE "C" NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    due      BIGINT NOT NULL,
    told     BIGINT NOT NULL DEFAULT 0,
    report   TEXT,
    PRIMARY KEY (repo_key, sha)
);
CREATE INDEX due_statuses ON commit_statuses (forge, due) WHERE due > told;
CREATE INDEX statuses_of_sets ON commit_statuses (goal_set);
