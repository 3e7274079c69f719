-- Goals of other machines for which rules are to be asked, or were: one is asked for once. They go with their push. body: the
-- goal as it was told.
CREATE TABLE foreign_triggers (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    goal_set     TEXT    NOT NULL,
    unique_name  TEXT    NOT NULL,
    environment  TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    registration TEXT    NOT NULL,
    push         TEXT    NOT NULL REFERENCES pushes (id) ON DELETE CASCADE,
    failures     INTEGER NOT NULL DEFAULT 0,
    is_over      INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1)),
    body         TEXT    NOT NULL,
    UNIQUE (goal_set, unique_name, environment, version)
) STRICT;
CREATE INDEX foreign_triggers_to_ask ON foreign_triggers (sequence) WHERE is_over = 0;
CREATE INDEX foreign_triggers_of_push ON foreign_triggers (push, registration, unique_name);
