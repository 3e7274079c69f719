-- Why a push was planned, where the number of the cause does not say it: also when no goal was set.
ALTER TABLE planning_attempts ADD COLUMN cause_body TEXT;
