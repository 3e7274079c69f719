-- The log is the truth about goals; goal_sets and goals are projections of it, written in the same transaction.
-- Moments are microseconds since 1970 in UTC. Identities are text in their usual form.

CREATE TABLE pushes (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    repo_key   TEXT    NOT NULL,
    repo_owner TEXT    NOT NULL,
    repo_name  TEXT    NOT NULL,
    branch     TEXT    NOT NULL,
    sha        TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    planned    INTEGER NOT NULL DEFAULT 0 CHECK (planned IN (0, 1)),
    body       TEXT    NOT NULL
) STRICT;
CREATE INDEX pushes_not_planned ON pushes (sequence) WHERE planned = 0;
CREATE INDEX pushes_of_repository ON pushes (repo_owner, repo_name, sequence);
CREATE INDEX pushes_of_commit ON pushes (sha);

CREATE TABLE repositories (
    repo_key   TEXT    NOT NULL PRIMARY KEY,
    repo_owner TEXT    NOT NULL,
    repo_name  TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE branch_heads (
    repo_key TEXT NOT NULL,
    branch   TEXT NOT NULL,
    sha      TEXT NOT NULL,
    PRIMARY KEY (repo_key, branch)
) STRICT, WITHOUT ROWID;

-- cause: 0 for the push itself, n for the n-th time a person asked anew; no cause on a failed attempt.
CREATE TABLE planning_attempts (
    push_id  TEXT    NOT NULL REFERENCES pushes (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    cause    INTEGER,
    at       INTEGER NOT NULL,
    goal_set TEXT,
    trace    TEXT,
    error    TEXT,
    PRIMARY KEY (push_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_plan_for_a_cause ON planning_attempts (push_id, cause) WHERE cause IS NOT NULL;

-- events: how many the set is the fold of; compare-and-set compares it.
CREATE TABLE goal_sets (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    push_id    TEXT    NOT NULL REFERENCES pushes (id),
    cause      INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    events     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    UNIQUE (push_id, cause)
) STRICT;
CREATE INDEX active_goal_sets ON goal_sets (sequence) WHERE active = 1;
CREATE INDEX ended_goal_sets ON goal_sets (changed_at) WHERE active = 0;

-- The goals as planned never change, and are kept apart from the row that changes with every event.
CREATE TABLE plans (
    goal_set TEXT NOT NULL PRIMARY KEY REFERENCES goal_sets (id) ON DELETE CASCADE,
    goals    TEXT NOT NULL
) STRICT;

CREATE TABLE goals (
    goal_set    TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    not_before  INTEGER,
    PRIMARY KEY (goal_set, unique_name, environment)
) STRICT, WITHOUT ROWID;
CREATE INDEX goals_by_state ON goals (state, since);

-- Everything that happened, in one sequence. body: the news as the feed tells it, for goals with the event in it.
-- A cursor is never given twice, also after the newest rows were pruned.
CREATE TABLE events (
    cursor      INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    push_id     TEXT,
    goal_set    TEXT    REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT,
    environment TEXT,
    version     INTEGER,
    body        TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_event_for_a_version ON events (goal_set, unique_name, environment, version)
    WHERE goal_set IS NOT NULL;
CREATE INDEX events_of_push ON events (push_id) WHERE push_id IS NOT NULL;
CREATE INDEX messages ON events (at) WHERE kind = 'message';

CREATE TABLE leases (
    goal_set    TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    unique_name TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    workspace   TEXT,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (goal_set, unique_name, environment, attempt, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_slots (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    queue      TEXT    NOT NULL,
    goal_set   TEXT    NOT NULL REFERENCES goal_sets (id) ON DELETE CASCADE,
    joined_at  INTEGER NOT NULL,
    granted    INTEGER NOT NULL DEFAULT 0 CHECK (granted IN (0, 1)),
    UNIQUE (queue, goal_set)
) STRICT;

CREATE TABLE versions (
    repo_key TEXT NOT NULL,
    sha      TEXT NOT NULL,
    version  TEXT NOT NULL,
    PRIMARY KEY (repo_key, sha)
) STRICT, WITHOUT ROWID;

CREATE TABLE trusted_repositories (
    repo_key TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
