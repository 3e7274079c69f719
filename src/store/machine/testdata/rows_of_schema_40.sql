-- What a program of schema 40 adds.
INSERT INTO reviews (goal_set, unique_name, environment, body)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'lint', '0-code',
    '{"comments":[{"severity":"warn","category":"rust","detail":"unused","location":{"path":"src/a.rs","line":3}}],"left_out":0}');
INSERT INTO fingerprints (repo_key, sha, goal, at, body)
VALUES ('/src/acme/shop/.git', '0000000000000000000000000000000000000001', 'drift', 1900000000000000,
    '[{"type":"file","name":"Dockerfile","sha":"00aa"}]');
INSERT INTO generated_commits (repo_key, sha, chain, at)
VALUES ('/src/acme/shop/.git', '0000000000000000000000000000000000000001', 2, 1900000000000000);
INSERT INTO completions (goal_set, unique_name, environment, attempt, epoch, digest)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'publish', '0-code', 1, 3, '00aa');
