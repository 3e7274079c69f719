-- What a program of schema 130 adds.
INSERT INTO commit_checks (repo_key, sha, context, forge, id, run, told)
VALUES ('/src/acme/shop/.git', '0000000000000000000000000000000000000001', 'sdm/build/test', 'https://github.com', 'a', 7,
    '{"state":"in_progress","digest":"d"}');
