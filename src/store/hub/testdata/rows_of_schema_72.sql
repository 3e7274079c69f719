INSERT INTO hub_node (workspace, kind, id, keys, body, links, created, changed) VALUES
    ('w', 'SCMProvider', 'github.com', '["github.com"]', '{"id":"github.com"}', '{}', 3145729, 3145729),
    ('w', 'SdmGoal', 's/0-code/build', '["s/0-code/build"]', '{"saidOf":"repo:acme/app#7","description":"of \"saidOf\":\"repo:"}', '{}',
     3145730, 3145730);
INSERT INTO hub_grant (id, principal, selector, allows, ends, given_by, given, note) VALUES
    ('g-1', 'addon:m', 'repo:acme/app#7', 'write', 0, 'root', 1767225600000000, ''),
    ('g-2', 'addon:m', 'repo:acme/*', 'deny', 0, 'root', 1767225601000000, ''),
    ('g-3', 'addon:m', 'env:production', 'read', 0, 'root', 1767225602000000, '');
UPDATE hub_key SET repositories = '["repo:acme/app#7","repo:acme/*"]';
UPDATE hub_delivery SET resource = 'repo:acme/app#7';
