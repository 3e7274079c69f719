-- SQLite only: tables that are nothing but their key are stored once, in its order, instead of as rows and an index.

CREATE TABLE hub_node_key_new (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, key)
) WITHOUT ROWID;
INSERT INTO hub_node_key_new SELECT workspace, kind, key, id FROM hub_node_key ORDER BY 1, 2, 3;
DROP TABLE hub_node_key;
ALTER TABLE hub_node_key_new RENAME TO hub_node_key;

CREATE TABLE hub_node_link_new (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    target TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (workspace, kind, field, target, id)
) WITHOUT ROWID;
INSERT INTO hub_node_link_new SELECT workspace, kind, field, target, id FROM hub_node_link ORDER BY 1, 2, 3, 4, 5;
DROP TABLE hub_node_link;
ALTER TABLE hub_node_link_new RENAME TO hub_node_link;

CREATE TABLE hub_node_value_new (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    changed BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace, kind, field, value, id)
) WITHOUT ROWID;
INSERT INTO hub_node_value_new SELECT workspace, kind, field, value, id, changed FROM hub_node_value ORDER BY 1, 2, 3, 4, 5;
DROP TABLE hub_node_value;
ALTER TABLE hub_node_value_new RENAME TO hub_node_value;
CREATE INDEX hub_node_value_by_change ON hub_node_value (workspace, kind, field, value, changed) WHERE changed > 0;

CREATE TABLE hub_received_new (
    workspace TEXT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (workspace, source, id)
) WITHOUT ROWID;
INSERT INTO hub_received_new SELECT workspace, source, id, at FROM hub_received ORDER BY 1, 2, 3;
DROP TABLE hub_received;
ALTER TABLE hub_received_new RENAME TO hub_received;
CREATE INDEX hub_received_by_time ON hub_received (at);
