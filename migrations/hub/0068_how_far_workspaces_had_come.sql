-- How many units of work a workspace had seen at a time, noted about once a day: what stands before that in the order of changes has not
-- changed since, whatever moment it is of itself.
CREATE TABLE hub_progress (
    workspace TEXT NOT NULL,
    at BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    PRIMARY KEY (workspace, at)
);

-- Earlier versions of what is not there any more.
DELETE FROM hub_node_version WHERE NOT EXISTS (
    SELECT 1 FROM hub_node n
    WHERE n.workspace = hub_node_version.workspace AND n.kind = hub_node_version.kind AND n.id = hub_node_version.id
);
