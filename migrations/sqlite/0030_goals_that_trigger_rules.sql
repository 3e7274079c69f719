-- How far the log was read for goals that rules wait for. One row.
CREATE TABLE trigger_cursor (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    cursor INTEGER NOT NULL
) STRICT;

-- Goals for which rules are to be asked. A row goes in the transaction that stores the plan. body: the goal as it was.
CREATE TABLE noted_triggers (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    goal_set    TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    failures    INTEGER NOT NULL DEFAULT 0,
    body        TEXT    NOT NULL,
    UNIQUE (goal_set, unique_name, environment, version)
) STRICT;
