-- What is forgotten because it is old, without looking at all of it.
CREATE INDEX hub_invocation_by_end ON hub_invocation (ended);
CREATE INDEX hub_message_by_age ON hub_message (posted);
