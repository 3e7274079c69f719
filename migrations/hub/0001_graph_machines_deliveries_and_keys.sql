-- The hub's memory. One dialect that SQLite and Postgres both take: BIGINT and TEXT, JSON as text, times as microseconds
-- since 1970. Names of tables begin with hub_, so that a database may be shared.

-- Workspaces. `changes` counts units of work; whoever writes to a workspace holds its row.
CREATE TABLE hub_workspace (
    id TEXT NOT NULL PRIMARY KEY,
    changes BIGINT NOT NULL
);

-- The graph: what happened and what is known. `created` and `changed` are positions in the order of changes.
CREATE TABLE hub_node (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    keys TEXT NOT NULL,
    body TEXT NOT NULL,
    links TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (workspace, kind, id)
);
CREATE INDEX hub_node_by_change ON hub_node (workspace, kind, changed);

-- What a node is known by, its id included. A key that moves to another node is that node's.
CREATE TABLE hub_node_key (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, key)
);
CREATE INDEX hub_node_key_by_id ON hub_node_key (workspace, kind, id);

-- What nodes point at; the target may not be there yet.
CREATE TABLE hub_node_link (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    target TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, field, target, id)
);
CREATE INDEX hub_node_link_by_id ON hub_node_link (workspace, kind, id);

-- Values that people and machines search by.
CREATE TABLE hub_node_value (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, field, value, id)
);
CREATE INDEX hub_node_value_by_id ON hub_node_value (workspace, kind, id);

-- Earlier and present versions of nodes whose history can be asked for.
CREATE TABLE hub_node_version (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    changed BIGINT NOT NULL,
    keys TEXT NOT NULL,
    body TEXT NOT NULL,
    links TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, id, changed)
);

-- What came from outside with an id of its own, so that it is taken once.
CREATE TABLE hub_received (
    workspace TEXT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (workspace, source, id)
);
CREATE INDEX hub_received_by_time ON hub_received (at);

-- Machines as they announced themselves. The registration of a name with the highest position is the one that is served.
CREATE TABLE hub_registration (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    policy TEXT NOT NULL,
    body TEXT NOT NULL,
    principal TEXT NOT NULL,
    position BIGINT NOT NULL,
    alive_until BIGINT NOT NULL,
    UNIQUE (workspace, name, version)
);

-- Counts registrations that changed, so that replicas notice.
CREATE TABLE hub_counter (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO hub_counter (name, value) VALUES ('registrations', 0);

-- What waits for machines. A row goes when it is acknowledged; `dead` rows stay to be looked at.
CREATE TABLE hub_delivery (
    id TEXT NOT NULL PRIMARY KEY,
    workspace TEXT NOT NULL,
    registration TEXT NOT NULL,
    what TEXT NOT NULL,
    operation TEXT NOT NULL,
    correlation TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    position BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    session TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    created BIGINT NOT NULL,
    because TEXT NOT NULL
);
CREATE INDEX hub_delivery_by_registration ON hub_delivery (registration, state, position);
CREATE INDEX hub_delivery_by_correlation ON hub_delivery (correlation);
CREATE INDEX hub_delivery_by_session ON hub_delivery (session);
CREATE INDEX hub_delivery_by_state ON hub_delivery (state, lease_until);

-- API keys: never the secret, only its digest.
CREATE TABLE hub_key (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    workspaces TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);
