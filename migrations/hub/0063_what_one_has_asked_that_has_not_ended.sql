-- How much somebody has asked that has not ended, without looking at all of it.
CREATE INDEX hub_invocation_open_by_asker ON hub_invocation (asked_by, command) WHERE ended = 0;
