-- Tags of the rules that set a goal set: as they are read with it, and as they are looked for. A value is empty where there is none.
ALTER TABLE plans ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
CREATE TABLE goal_set_tags (
    goal_set TEXT COLLATE "C" NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    name     TEXT COLLATE "C" NOT NULL,
    value    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (goal_set, name, value)
);
