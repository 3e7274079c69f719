-- Checks that forges were asked to make for commits. id: ours, noted before the forge is asked; run: the number it gave, 0 before; told:
-- how it stood when the forge heard last, and a digest of what it heard. A row goes with its commit.
CREATE TABLE commit_checks (
    repo_key TEXT NOT NULL,
    sha      TEXT NOT NULL,
    context  TEXT NOT NULL,
    forge    TEXT NOT NULL,
    id       TEXT NOT NULL,
    run      INTEGER NOT NULL,
    told     TEXT,
    PRIMARY KEY (repo_key, sha, context),
    FOREIGN KEY (repo_key, sha) REFERENCES commit_statuses (repo_key, sha) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
