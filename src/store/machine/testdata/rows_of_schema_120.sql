-- What a program of schema 120 adds.
UPDATE queue_slots SET until_waiting = 1;
