-- What a program of schema 70 adds.
INSERT INTO fixed_images (goal_set, name, id, shown)
VALUES ('00abcdef-0000-0001-0000-000000000001', 'node:20', 'sha256:0102', 'docker.io/library/node@sha256:0304');
