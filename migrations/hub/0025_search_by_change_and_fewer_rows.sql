-- Fewer rows for each change. What can be told from elsewhere is not kept a second time: the id of a node stands in its own
-- row, what a node had before is known to whoever changes it, and only links that are followed backwards need rows.

DROP INDEX hub_node_key_by_id;
DROP INDEX hub_node_link_by_id;
DROP INDEX hub_node_value_by_id;

DELETE FROM hub_node_key WHERE key = id;

DELETE FROM hub_node_link WHERE kind IN (
    'Push', 'Commit', 'ScmId', 'Person', 'ChatId', 'ChatChannel', 'Repo', 'Org', 'Branch', 'Tag', 'Release', 'PullRequest',
    'Review', 'Issue', 'Comment', 'Build', 'Status', 'Deployment', 'SdmGoal', 'SdmGoalSet', 'SdmVersion', 'Fingerprint'
) AND NOT (
    (field = 'push' AND kind IN ('SdmGoal', 'SdmGoalSet', 'Build'))
    OR (field = 'commit' AND kind IN ('Tag', 'Status', 'Build', 'SdmVersion', 'Fingerprint'))
    OR (field = 'after' AND kind = 'Push')
    OR (field IN ('head', 'repo', 'branch') AND kind = 'PullRequest')
    OR (field = 'chatId' AND kind = 'Person')
    OR (field IN ('team', 'repos') AND kind = 'ChatChannel')
    OR (field = 'repo' AND kind IN ('Branch', 'Issue'))
    OR (field = 'org' AND kind = 'Repo')
    OR (field = 'tag' AND kind = 'Release')
    OR (field = 'pullRequest' AND kind IN ('Review', 'Comment'))
    OR (field = 'issue' AND kind = 'Comment')
);

-- Values that many nodes share are found in the order of changes, without looking at all of them. `changed` is 0 for others.
ALTER TABLE hub_node_value ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
UPDATE hub_node_value SET changed = (
    SELECT n.changed FROM hub_node n
    WHERE n.workspace = hub_node_value.workspace AND n.kind = hub_node_value.kind AND n.id = hub_node_value.id
) WHERE field IN ('branch', 'state', 'status');
CREATE INDEX hub_node_value_by_change ON hub_node_value (workspace, kind, field, value, changed) WHERE changed > 0;
