-- Slots of a queue that are given back already when their set waits for nothing but people.
ALTER TABLE queue_slots ADD COLUMN until_waiting BIGINT NOT NULL DEFAULT 0;
