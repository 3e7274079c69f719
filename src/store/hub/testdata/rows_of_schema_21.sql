INSERT INTO hub_goal_log (workspace, goal, attempt, log_end, kept, dropped, is_complete, is_filed, changed)
    VALUES ('w', 's/0-code/publish', 2, 5, 5, 0, 1, 0, 1767225603000000);
INSERT INTO hub_goal_log_part (workspace, goal, attempt, part_start, part_end, content, file_at, file_length)
    VALUES ('w', 's/0-code/publish', 2, 0, 5, '["four"]', 0, 0);
