-- What a program of schema 30 adds.
INSERT INTO trigger_cursor ("only", cursor) VALUES (1, 9);
INSERT INTO noted_triggers (goal_set, unique_name, environment, version, failures, body)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'test', '0-code', 3, 2,
    '{"goal_set":"00abcdef-0000-0001-0000-000000000001","goal":{"unique_name":"test","environment":"0-code"},"version":3,"registration":"build","is_own":true,"name":"test","state":"success","data":"{}","outputs":["reports"],"chain":1,"depth":0}');
