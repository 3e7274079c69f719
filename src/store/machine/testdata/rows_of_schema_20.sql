-- What a program of schema 20 adds.
INSERT INTO errands (id, key, name, state, open, version, changed_at, body)
VALUES ('00000000-0000-0001-0000-000000000007', 'command:1', 'greet', 'requested', 1, 1, 1900000000000000,
    '{"id":"00000000-0000-0001-0000-000000000007","key":"command:1","name":"greet","cause":{"cause":"command","by":"ada"},"run":{"argv":["greet","${parameters.who}"],"environment":{"A":"b"},"timeout":600000,"grace":30000},"facts":{"parameters":{"who":"bob"}},"secrets":[],"depth":0,"after":null,"created_at":1900000000000000,"state":"requested","attempt":0,"version":1,"phase":null,"message":null,"started_at":null,"ended_at":null}');
INSERT INTO listened ("only", cursor) VALUES (1, 7);
INSERT INTO timers (name, fired_at) VALUES ('nightly', 1900000000000000);
INSERT INTO jobs (id, created_at, body)
VALUES ('00000000-0000-0001-0000-000000000009', 1900000000000000,
    '{"id":"00000000-0000-0001-0000-000000000009","command":{"name":"bump","place":{"file":"goals.yaml","line":1,"column":1},"description":"","intents":[{"words":"bump version"}],"tags":[],"parameters":[],"work":{"goal":{"kind":"execute","arguments":{"run":["bump"]}}},"targets":{"repos":null,"test":"any_push","concurrent":2},"dry_run":false},"parameters":{},"secrets":[],"matches":[],"by":"ada","dry_run":false,"depth":0,"concurrent":2,"created_at":1900000000000000}');
INSERT INTO job_tasks (job, number, state, goal_set, message, target)
VALUES ('00000000-0000-0001-0000-000000000009', 0, 'waiting', NULL, NULL,
    '{"repo":{"key":"/src/acme/shop/.git","slug":{"owner":"acme","name":"shop"},"address":"file:///src/acme/shop","default_branch":"main"},"branch":null,"sha":null}');
INSERT INTO tags_seen (repo_key, tags) VALUES ('/src/acme/shop/.git', '{"v1":"0000000000000000000000000000000000000001"}');
INSERT INTO preferences (scope, key, value, expires_at) VALUES ('machine', 'mood', '"merry"', NULL);
