-- What is asked for in the order of its moments is read in that order. JSON with the character that ends a text elsewhere is none
-- here, and so is read without it.
CREATE INDEX hub_node_by_moment ON hub_node (
    workspace,
    kind,
    (COALESCE(left(replace(body, '\u0000', '\ufffd')::json ->> 'timestamp', 200),
        CASE json_typeof(replace(body, '\u0000', '\ufffd')::json -> 'ts')
            WHEN 'number' THEN lpad(replace(body, '\u0000', '\ufffd')::json ->> 'ts', 20, '0') END) COLLATE "C") NULLS FIRST,
    changed
);

-- Objects of the types that machines announce are found by all of their fields, in the order of changes.
INSERT INTO hub_node_value (workspace, kind, field, value, id, changed)
    SELECT n.workspace, n.kind, j.key, replace(n.body, '\u0000', '\ufffd')::json ->> j.key, n.id, n.changed
    FROM hub_node n, json_each(replace(n.body, '\u0000', '\ufffd')::json) j
    WHERE n.kind NOT IN (
        'Push', 'Commit', 'ScmId', 'Person', 'ChatId', 'Team', 'ChatChannel', 'Repo', 'Org', 'Branch', 'Tag', 'Release',
        'PullRequest', 'Review', 'Issue', 'Comment', 'Build', 'Status', 'Deployment', 'DeploymentReview', 'SdmGoal', 'SdmGoalSet',
        'SdmVersion', 'Fingerprint', 'ChatTeam', 'SCMProvider', 'SdmPreference', 'AtmJob', 'AtmJobTask', 'DockerRegistryProvider',
        'BinaryRepositoryProvider', 'GenericResourceProvider', 'GitHubAppResourceProvider', 'TeamConfiguration',
        'GitHubAppInstallation', 'Application', 'ChannelLink', 'UserJoinedChannel', 'RepoOnboarded', 'ImageLinked', 'DeletedBranch',
        'AppReach', 'Ended'
    ) AND j.key <> 'id' AND json_typeof(j.value) IN ('string', 'number', 'boolean')
        AND octet_length(replace(n.body, '\u0000', '\ufffd')::json ->> j.key) <= 200
        AND NOT (position('\u0000' IN n.body) > 0 AND position('\ufffd' IN j.value::text) > 0)
    ON CONFLICT (workspace, kind, field, value, id) DO UPDATE SET changed = excluded.changed;
