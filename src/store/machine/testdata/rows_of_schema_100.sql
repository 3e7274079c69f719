-- What a program of schema 100 adds.
INSERT INTO logs_on_their_way (goal_set, environment, goal, attempt, workspace, taken)
VALUES ('00abcdef-0000-0001-0000-000000000001', '0-code', 'test', 1, 'A1', 4096);
