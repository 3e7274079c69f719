-- What a program of schema 121 adds.
INSERT INTO status_cursor ("only", cursor) VALUES (1, 5);
INSERT INTO commit_statuses (repo_key, sha, forge, goal_set, due, told, report)
VALUES ('/src/acme/shop/.git', '0000000000000000000000000000000000000001', 'https://github.com',
    '00abcdef-0000-0001-0000-000000000001', 5, 3,
    '{"context":"sdm/build","state":"pending","text":"build: 1 goal","url":"https://hub.example.com/workspaces/main/goals/00abcdef-0000-0001-0000-000000000001"}');
