-- Workspaces that jobs of a trusted issuer are for, and by which trust a token was given: it ends with it.
ALTER TABLE hub_trust ADD COLUMN workspaces TEXT NOT NULL DEFAULT '[]';
ALTER TABLE hub_handed_token ADD COLUMN trust TEXT NOT NULL DEFAULT '';
