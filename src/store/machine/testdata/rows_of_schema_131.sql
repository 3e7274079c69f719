-- What a program of schema 131 adds.
UPDATE plans SET tags = '[{"name":"team","value":"payments"},{"name":"nightly","value":null}]'
WHERE goal_set = '00abcdef-0000-0001-0000-000000000001';
INSERT INTO goal_set_tags (goal_set, name, value)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'team', 'payments'), ('00abcdef-0000-0001-0000-000000000001', 'nightly', '');
