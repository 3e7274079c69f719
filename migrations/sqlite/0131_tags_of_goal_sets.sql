-- Tags of the rules that set a goal set: as they are read with it, and as they are looked for. A value is empty where there is none.
ALTER TABLE plans ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
CREATE TABLE goal_set_tags (
    goal_set TEXT NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (goal_set, name, value)
) STRICT, WITHOUT ROWID;
