-- Who may do what, as administrators decided it. What the texts mean says the program; here they are only kept.

-- Add-ons: machines and extensions. `approval` is what an administrator agreed to and `wish` what waits for an answer, both
-- as JSON and empty when there is none; `rejected` lists digests of wishes that do not ask again.
CREATE TABLE hub_addon (
    key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    approval TEXT NOT NULL,
    wish TEXT NOT NULL,
    rejected TEXT NOT NULL,
    held_until BIGINT NOT NULL
);

-- Grants and denials of add-ons and people. Selectors of repositories hold the number that the forge knows them by.
CREATE TABLE hub_grant (
    id TEXT NOT NULL PRIMARY KEY,
    principal TEXT NOT NULL,
    selector TEXT NOT NULL,
    allows TEXT NOT NULL,
    ends BIGINT NOT NULL,
    given_by TEXT NOT NULL,
    given BIGINT NOT NULL,
    note TEXT NOT NULL
);

-- For whom add-ons may act by impersonation; an empty person is everybody.
CREATE TABLE hub_consent (
    addon TEXT NOT NULL,
    person TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given BIGINT NOT NULL,
    PRIMARY KEY (addon, person)
);

-- Issuers whose job tokens count, each for one add-on.
CREATE TABLE hub_trust (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    claims TEXT NOT NULL,
    addon TEXT NOT NULL,
    scopes TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given BIGINT NOT NULL
);

-- Settings of the policy as a whole, such as the tests that every change of it must pass.
CREATE TABLE hub_policy (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Counts changes of all these, so that replicas notice and nobody decides over what somebody else has just changed.
INSERT INTO hub_counter (name, value) VALUES ('rights', 0);

-- Repositories to which a key is limited, and whether its scopes were chosen by an administrator, who so agreed to them.
ALTER TABLE hub_key ADD COLUMN repositories TEXT NOT NULL DEFAULT '[]';
ALTER TABLE hub_key ADD COLUMN is_chosen BIGINT NOT NULL DEFAULT 1;
