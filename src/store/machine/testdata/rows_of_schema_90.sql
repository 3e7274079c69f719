-- What a program of schema 90 adds.
UPDATE planning_attempts SET cause_body = '{"cause":"push"}'
WHERE push_id = (SELECT push_id FROM goal_sets WHERE id = '00abcdef-0000-0001-0000-000000000001') AND cause IS NOT NULL;
