-- What a delivery is about, so that it is told only while its machine may still hear of that: a resource, `*` when only those may
-- hear of it who hear of everything, empty when nothing limits it.
ALTER TABLE hub_delivery ADD COLUMN resource TEXT NOT NULL DEFAULT '';
