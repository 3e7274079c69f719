-- What images of containers were by their names when a goal set first used them; a name that moves changes nothing for the set.
CREATE TABLE fixed_images (
    goal_set TEXT NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    id       TEXT NOT NULL,
    shown    TEXT NOT NULL,
    PRIMARY KEY (goal_set, name)
) STRICT, WITHOUT ROWID;
