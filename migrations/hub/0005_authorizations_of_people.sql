-- What people let the hub do for them at a provider: what was granted. The token is in the safe.
CREATE TABLE hub_authorization (
    person TEXT NOT NULL,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    scopes TEXT NOT NULL,
    granted BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (person, provider)
);

-- Links by which a person authorises the hub once, for what they wanted to do: `resumes` is that, as JSON.
CREATE TABLE hub_authorize_link (
    digest TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    session TEXT NOT NULL,
    provider TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resumes TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX hub_authorize_link_by_time ON hub_authorize_link (expires);

-- A sign-in that authorises: digest of its link.
ALTER TABLE hub_pending_sign_in ADD COLUMN authorizes TEXT NOT NULL DEFAULT '';
