-- The address of somebody, as a provider says that it is theirs; empty when it says none.
ALTER TABLE hub_identity ADD COLUMN email TEXT NOT NULL DEFAULT '';
