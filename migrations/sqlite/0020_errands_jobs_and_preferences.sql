-- What is not bound to a push: executions of commands and listeners, commands on several repositories, timers, tags that
-- were seen, and preferences. body: the whole thing as JSON; the columns beside it are what is asked for.

CREATE TABLE errands (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    key        TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    open       INTEGER NOT NULL CHECK (open IN (0, 1)),
    version    INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;
CREATE INDEX open_errands ON errands (sequence) WHERE open = 1;
CREATE INDEX ended_errands ON errands (changed_at) WHERE open = 0;

-- How far listeners have read the log. One row.
CREATE TABLE listened (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    cursor INTEGER NOT NULL
) STRICT;

CREATE TABLE timers (
    name     TEXT    NOT NULL PRIMARY KEY,
    fired_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
) STRICT;

CREATE TABLE job_tasks (
    job      TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    goal_set TEXT    REFERENCES goal_sets (id) ON DELETE SET NULL,
    message  TEXT,
    target   TEXT    NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_job_tasks ON job_tasks (job) WHERE state = 'waiting';
CREATE INDEX job_tasks_of_goal_set ON job_tasks (goal_set) WHERE goal_set IS NOT NULL;

-- Why a goal set exists, when its number does not say it.
ALTER TABLE goal_sets ADD COLUMN cause_body TEXT;

-- A commit that a command works on is recorded like a push, and is none.
ALTER TABLE pushes ADD COLUMN of_command INTEGER NOT NULL DEFAULT 0 CHECK (of_command IN (0, 1));

-- A repository whose tags were looked at has a row, also without tags.
CREATE TABLE tags_seen (
    repo_key TEXT NOT NULL PRIMARY KEY,
    tags     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE preferences (
    scope      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
