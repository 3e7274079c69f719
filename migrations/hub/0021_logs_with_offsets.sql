-- Logs of goals, attempt by attempt, by offsets of the machines that write them. A part is here, or in the log's file, and
-- then only its place is; `log_end` is where the machine goes on.
CREATE TABLE hub_goal_log (
    workspace TEXT NOT NULL,
    goal TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    log_end BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    is_complete BIGINT NOT NULL,
    is_filed BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (workspace, goal, attempt)
);
CREATE INDEX hub_goal_log_by_rest ON hub_goal_log (is_filed, changed);
CREATE INDEX hub_goal_log_by_time ON hub_goal_log (changed);

CREATE TABLE hub_goal_log_part (
    workspace TEXT NOT NULL,
    goal TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    part_start BIGINT NOT NULL,
    part_end BIGINT NOT NULL,
    content TEXT NOT NULL,
    file_at BIGINT NOT NULL,
    file_length BIGINT NOT NULL,
    PRIMARY KEY (workspace, goal, attempt, part_start)
);

-- What was in the table of before, which stays empty from here on.
INSERT INTO hub_goal_log (workspace, goal, attempt, log_end, kept, dropped, is_complete, is_filed, changed)
    SELECT workspace, goal, 1, MAX(bytes), MAX(bytes), 0, 0, 0, MAX(at) FROM hub_log GROUP BY workspace, goal;
INSERT INTO hub_goal_log_part (workspace, goal, attempt, part_start, part_end, content, file_at, file_length)
    SELECT workspace, goal, 1, COALESCE(LAG(bytes) OVER (PARTITION BY workspace, goal ORDER BY part), 0), bytes, content, 0, 0
    FROM hub_log;
DELETE FROM hub_log;
