INSERT INTO hub_workspace (id, changes) VALUES ('w', 3);
INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) VALUES
    ('w', 'Repo', 'github.com/7', '["github.com/7","github.com/acme/app"]',
     '{"id":"github.com/7","owner":"acme","name":"app"}', '{"org":["github.com/acme"]}', 1048576, 1048576),
    ('w', 'Push', 'p-1', '["p-1","github.com/acme/app#main@b"]', '{"id":"p-1","branch":"main"}',
     '{"repo":["github.com/7"],"after":["github.com/7@b"],"commits":["github.com/7@b"]}', 1048577, 1048577),
    ('w', 'Push', 'p-2', '["p-2","github.com/acme/app#main@c"]', '{"id":"p-2","branch":"main"}',
     '{"repo":["github.com/7"],"after":["github.com/7@c"],"commits":["github.com/7@c"]}', 2097152, 2097152),
    ('w', 'Deploy', 'd-1', '["d-1"]', '{"id":"d-1","name":"app"}', '{"push":["p-1"]}', 3145728, 3145728);
INSERT INTO hub_node_key (workspace, kind, key, id) VALUES
    ('w', 'Repo', 'github.com/7', 'github.com/7'), ('w', 'Repo', 'github.com/acme/app', 'github.com/7'),
    ('w', 'Push', 'p-1', 'p-1'), ('w', 'Push', 'github.com/acme/app#main@b', 'p-1'),
    ('w', 'Push', 'p-2', 'p-2'), ('w', 'Push', 'github.com/acme/app#main@c', 'p-2'),
    ('w', 'Deploy', 'd-1', 'd-1');
INSERT INTO hub_node_link (workspace, kind, field, target, id) VALUES
    ('w', 'Repo', 'org', 'github.com/acme', 'github.com/7'),
    ('w', 'Push', 'repo', 'github.com/7', 'p-1'), ('w', 'Push', 'after', 'github.com/7@b', 'p-1'),
    ('w', 'Push', 'commits', 'github.com/7@b', 'p-1'),
    ('w', 'Push', 'repo', 'github.com/7', 'p-2'), ('w', 'Push', 'after', 'github.com/7@c', 'p-2'),
    ('w', 'Push', 'commits', 'github.com/7@c', 'p-2'),
    ('w', 'Deploy', 'push', 'p-1', 'd-1');
INSERT INTO hub_node_value (workspace, kind, field, value, id) VALUES
    ('w', 'Repo', 'owner', 'acme', 'github.com/7'), ('w', 'Repo', 'name', 'app', 'github.com/7'),
    ('w', 'Push', 'branch', 'main', 'p-1'), ('w', 'Push', 'branch', 'main', 'p-2'),
    ('w', 'Deploy', 'name', 'app', 'd-1');
INSERT INTO hub_node_version (workspace, kind, id, changed, keys, body, links) VALUES
    ('w', 'Deploy', 'd-1', 3145728, '["d-1"]', '{"id":"d-1","name":"app"}', '{"push":["p-1"]}');
INSERT INTO hub_received (workspace, source, id, at) VALUES ('w', 'github', 'g-1', 1767225600000000), ('w', 'github', 'g-2', 1767225601000000);
INSERT INTO hub_registration (id, workspace, name, version, policy, body, principal, position, alive_until)
    VALUES ('r-1', 'w', 'm', '1.0.0', 'durable', '{}', 'k-1', 1, 0);
INSERT INTO hub_delivery (id, workspace, registration, what, operation, correlation, payload, state, position, attempts, not_before,
    session, lease_until, expires, created, because)
    VALUES ('e-1', 'w', 'r-1', 'event', 'OnPush', 'e-1', '{}', 'waiting', 1, 0, 0, '', 0, 4102444800000000, 1767225600000000, '');
INSERT INTO hub_key (id, digest, owner, workspaces, scopes, created, expires, revoked, last_used)
    VALUES ('k-1', 'digest', 'addon:m', '["w"]', '["events:read"]', 1767225600000000, 4102444800000000, 0, 0);
