INSERT INTO hub_invocation (id, workspace, registration, command, asked_by, request, phase, answer, created, ended)
    VALUES ('i-1', 'w', 'r-1', 'Deploy', 'person:ada', '{}', 'PENDING', '', 1767225600000000, 0);
INSERT INTO hub_message (workspace, place, id, invocation, machine, said_at, ttl, posted, body)
    VALUES ('w', 'web', 'm-1', 'i-1', 'm', 1, 0, 1767225600000000, '{}');
INSERT INTO hub_log (workspace, goal, part, bytes, content, at) VALUES
    ('w', 's/0-code/build', 1, 10, '["one"]', 1767225600000000),
    ('w', 's/0-code/build', 2, 25, '["two"]', 1767225601000000),
    ('w', 's/0-code/test', 1, 7, '["three"]', 1767225602000000);
