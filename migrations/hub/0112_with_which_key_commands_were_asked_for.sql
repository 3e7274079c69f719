-- The key with which a command was asked for, without which it is not told any more; '' for who was signed in in a browser.
ALTER TABLE hub_invocation ADD COLUMN asked_with TEXT NOT NULL DEFAULT '';
