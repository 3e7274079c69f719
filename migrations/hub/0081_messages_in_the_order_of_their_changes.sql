-- Messages by when they were changed last, for whoever reads along; one that was taken back stays as such. Messages of before have no
-- place in that order.
ALTER TABLE hub_message ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hub_message ADD COLUMN is_gone BIGINT NOT NULL DEFAULT 0;
CREATE INDEX hub_message_by_change ON hub_message (workspace, change);
