-- Logs that the hub has not taken to their end; `taken` is where to go on. A row is made in the transaction that notes that
-- the hub knows of the attempt.
CREATE TABLE logs_on_their_way (
    goal_set    TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    goal        TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    workspace   TEXT    NOT NULL,
    taken       INTEGER NOT NULL,
    PRIMARY KEY (goal_set, environment, goal, attempt)
) STRICT, WITHOUT ROWID;
