-- What a program of schema 110 adds.
INSERT INTO replicas (id, beats, beat_at) VALUES ('one', 3, 1900000000000000);
INSERT INTO attempt_places (goal_set, unique_name, environment, attempt, replica)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'test', '0-code', 1, '');
