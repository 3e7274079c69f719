-- How far the log was read for what forges are told of commits. One row.
CREATE TABLE status_cursor (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    cursor INTEGER NOT NULL
) STRICT;

-- Commits whose forge is told how their goals stand. due: the last entry of the log that says so; told: the one up to which
-- the forge knows; report: what it was told last. A row goes with the last goal set of its commit.
CREATE TABLE commit_statuses (
    repo_key TEXT    NOT NULL,
    sha      TEXT    NOT NULL,
    forge    TEXT    NOT NULL,
    goal_set TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    due      INTEGER NOT NULL,
    told     INTEGER NOT NULL DEFAULT 0,
    report   TEXT,
    PRIMARY KEY (repo_key, sha)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_statuses ON commit_statuses (forge, due) WHERE due > told;
CREATE INDEX statuses_of_sets ON commit_statuses (goal_set);
