-- Where reports to a hub began: nothing before it is ever told, also when a hub has to be told again.
ALTER TABLE reported ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
