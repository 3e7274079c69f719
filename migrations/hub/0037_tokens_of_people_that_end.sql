-- When the token of an authorisation ends that can be renewed; `expires` is when it cannot be any more.
ALTER TABLE hub_authorization ADD COLUMN token_ends BIGINT NOT NULL DEFAULT 0;
