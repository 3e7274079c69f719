-- What people asked machines to do, and what came of it.
CREATE TABLE hub_invocation (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL,
    registration TEXT NOT NULL,
    command TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    request TEXT NOT NULL,
    phase TEXT NOT NULL,
    answer TEXT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT NOT NULL
);
CREATE INDEX hub_invocation_by_workspace ON hub_invocation (workspace, created);

-- Messages of machines, each in its newest form for each place; `invocation` is empty for those that answer an event.
CREATE TABLE hub_message (
    workspace TEXT NOT NULL,
    place TEXT NOT NULL,
    id TEXT NOT NULL,
    invocation TEXT NOT NULL,
    machine TEXT NOT NULL,
    said_at BIGINT NOT NULL,
    ttl BIGINT NOT NULL,
    posted BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace, place, id)
);
CREATE INDEX hub_message_by_invocation ON hub_message (invocation, posted);
CREATE INDEX hub_message_by_time ON hub_message (workspace, posted);

-- Logs of goals as machines of the original send them, in parts; `lines` counts those before and in a part.
CREATE TABLE hub_log (
    workspace TEXT NOT NULL,
    goal TEXT NOT NULL,
    part BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    content TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (workspace, goal, part)
);
