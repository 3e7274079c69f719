-- Checks that forges were asked to make for commits. id: ours, noted before the forge is asked; run: the number it gave, 0 before; told:
-- how it stood when the forge heard last, and a digest of what it heard. A row goes with its commit.
CREATE TABLE commit_checks (
    repo_key TEXT COLLATE "C" NOT NULL,
    sha      TEXT COLLATE "C" NOT NULL,
    context  TEXT COLLATE "C" NOT NULL,
    forge    TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    run      BIGINT NOT NULL,
    told     TEXT,
    PRIMARY KEY (repo_key, sha, context),
    FOREIGN KEY (repo_key, sha) REFERENCES commit_statuses (repo_key, sha) ON DELETE CASCADE
);
