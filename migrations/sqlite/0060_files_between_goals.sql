-- Archives that goals left for others, and caches. Several rows may name one archive; it stays while any does.
CREATE TABLE kept_files (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    kept_as     TEXT    NOT NULL,
    classifier  TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    trust       TEXT    NOT NULL,
    repo_key    TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    goal_set    TEXT    NOT NULL,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    digest      TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    used_at     INTEGER NOT NULL,
    UNIQUE (goal_set, unique_name, environment, attempt, kept_as, classifier)
) STRICT;
CREATE INDEX kept_files_by_classifier ON kept_files (kept_as, trust, classifier);
CREATE INDEX kept_files_by_digest ON kept_files (trust, digest);

-- Successes that a later goal with the same inputs may take over.
CREATE TABLE successes (
    inputs      TEXT    NOT NULL,
    trust       TEXT    NOT NULL,
    repo_key    TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    sha         TEXT    NOT NULL,
    goal_set    TEXT    NOT NULL,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    data        TEXT,
    at          INTEGER NOT NULL,
    PRIMARY KEY (repo_key, trust, inputs, branch)
) STRICT, WITHOUT ROWID;
CREATE INDEX successes_by_age ON successes (at);
