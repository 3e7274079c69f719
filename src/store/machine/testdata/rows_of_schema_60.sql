-- What a program of schema 60 adds.
INSERT INTO kept_files (kept_as, classifier, scope, trust, repo_key, branch, goal_set, unique_name, environment, attempt,
    digest, size, at, used_at)
VALUES ('output', 'reports', 'repo', 'member', '/src/acme/shop/.git', 'main', '00abcdef-0000-0001-0000-000000000001', 'test',
    '0-code', 1, '00000000000000000000000000000000000000000000000000000000000000aa', 12, 1900000000000000, 1900000000000000);
INSERT INTO successes (inputs, trust, repo_key, branch, sha, goal_set, unique_name, environment, attempt, data, at)
VALUES ('same', 'member', '/src/acme/shop/.git', 'main', '0000000000000000000000000000000000000001',
    '00abcdef-0000-0001-0000-000000000001', 'test', '0-code', 1, NULL, 1900000000000000);
