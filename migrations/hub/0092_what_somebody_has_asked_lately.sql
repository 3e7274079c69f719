-- What somebody has asked lately, for the page that shows it to them.
CREATE INDEX hub_invocation_by_asker ON hub_invocation (asked_by, created);
