-- What is asked for in the order of its moments is read in that order.
CREATE INDEX hub_node_by_moment ON hub_node (
    workspace,
    kind,
    COALESCE(substr(body ->> '$.timestamp', 1, 200),
        CASE json_type(body, '$.ts') WHEN 'integer' THEN printf('%020d', body ->> '$.ts') END),
    changed
);

-- Objects of the types that machines announce are found by all of their fields, in the order of changes.
CREATE TEMP TABLE hub_kind_of_every_workspace (kind TEXT NOT NULL PRIMARY KEY);
INSERT INTO hub_kind_of_every_workspace VALUES
    ('Push'), ('Commit'), ('ScmId'), ('Person'), ('ChatId'), ('Team'), ('ChatChannel'), ('Repo'), ('Org'), ('Branch'), ('Tag'),
    ('Release'), ('PullRequest'), ('Review'), ('Issue'), ('Comment'), ('Build'), ('Status'), ('Deployment'), ('DeploymentReview'),
    ('SdmGoal'), ('SdmGoalSet'), ('SdmVersion'), ('Fingerprint'), ('ChatTeam'), ('SCMProvider'), ('SdmPreference'), ('AtmJob'),
    ('AtmJobTask'), ('DockerRegistryProvider'), ('BinaryRepositoryProvider'), ('GenericResourceProvider'),
    ('GitHubAppResourceProvider'), ('TeamConfiguration'), ('GitHubAppInstallation'), ('Application'), ('ChannelLink'),
    ('UserJoinedChannel'), ('RepoOnboarded'), ('ImageLinked'), ('DeletedBranch'), ('AppReach'), ('Ended');
INSERT INTO hub_node_value (workspace, kind, field, value, id, changed)
    SELECT n.workspace, n.kind, j.key,
        CASE j.type WHEN 'text' THEN j.value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE n.body -> j.fullkey END,
        n.id, n.changed
    FROM hub_node n, json_each(n.body) j
    WHERE n.kind NOT IN (SELECT kind FROM hub_kind_of_every_workspace) AND j.key <> 'id'
        AND j.type IN ('text', 'integer', 'real', 'true', 'false')
        AND length(CAST(j.value AS BLOB)) <= 200 AND instr(n.body -> j.fullkey, '\u0000') = 0
    ON CONFLICT (workspace, kind, field, value, id) DO UPDATE SET changed = excluded.changed;
DROP TABLE hub_kind_of_every_workspace;
