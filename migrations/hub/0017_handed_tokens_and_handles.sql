-- What add-ons were handed, as digests: tokens that they exchanged an assertion for, and handles of what people started.
CREATE TABLE hub_handed_token (
    digest TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    addon TEXT NOT NULL,
    person TEXT NOT NULL,
    limits TEXT NOT NULL,
    given BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    revoked BIGINT NOT NULL
);
CREATE INDEX hub_handed_token_by_addon ON hub_handed_token (addon);
CREATE TABLE hub_handle (
    digest TEXT NOT NULL PRIMARY KEY,
    addon TEXT NOT NULL,
    person TEXT NOT NULL,
    invocation TEXT NOT NULL,
    resources TEXT NOT NULL,
    given BIGINT NOT NULL
);

-- Signed requests that were used, until they would have ended anyway.
CREATE TABLE hub_used (
    mark TEXT NOT NULL PRIMARY KEY,
    ends BIGINT NOT NULL
);
CREATE INDEX hub_used_by_end ON hub_used (ends);
