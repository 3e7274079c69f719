-- What the inspections of a goal said; the goal's latest attempt.
CREATE TABLE reviews (
    goal_set    TEXT NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (goal_set, unique_name, environment)
) STRICT, WITHOUT ROWID;

-- Fingerprints of a commit, all of one goal together.
CREATE TABLE fingerprints (
    repo_key TEXT    NOT NULL,
    sha      TEXT    NOT NULL,
    goal     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (repo_key, sha, goal)
) STRICT, WITHOUT ROWID;

-- Commits that goals pushed, and how many such pushes followed one another up to this one.
CREATE TABLE generated_commits (
    repo_key TEXT    NOT NULL,
    sha      TEXT    NOT NULL,
    chain    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (repo_key, sha)
) STRICT, WITHOUT ROWID;

-- Who may complete a goal from outside: the digest of the token that was given away for this attempt.
CREATE TABLE completions (
    goal_set    TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    digest      TEXT    NOT NULL,
    PRIMARY KEY (goal_set, unique_name, environment)
) STRICT, WITHOUT ROWID;
