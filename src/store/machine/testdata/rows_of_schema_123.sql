-- What a program of schema 123 adds.
INSERT INTO foreign_triggers (goal_set, unique_name, environment, version, registration, push, failures, body)
VALUES ('00abcdef-0000-0001-0000-000000000077', 'build', '0-code', 3, 'other', '00000000-0000-0001-0000-000000000002', 1,
    '{"goal_set":"00abcdef-0000-0001-0000-000000000077","goal":{"unique_name":"build","environment":"0-code"},"version":3,"registration":"other","is_own":false,"name":"build","state":"success"}');
