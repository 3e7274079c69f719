-- So that a hub with thousands of machines need not read all of them when one has registered.
ALTER TABLE hub_registration ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX hub_registration_by_change ON hub_registration (changed);

-- Counts registrations that were taken away.
INSERT INTO hub_counter (name, value) VALUES ('registrations_gone', 0);
