-- What was done by a request that changed rights, in the words of the audit log, as JSON: a hub that notices several at once writes down
-- whose each is. Empty where an earlier program changed them.
ALTER TABLE hub_deed ADD COLUMN noted TEXT NOT NULL DEFAULT '';
