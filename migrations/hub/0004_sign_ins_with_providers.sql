-- Sign-ins with a provider that began and have not come back: of what the browser holds only digests.
CREATE TABLE hub_pending_sign_in (
    state_digest TEXT NOT NULL PRIMARY KEY,
    browser_digest TEXT NOT NULL,
    provider TEXT NOT NULL,
    place TEXT NOT NULL,
    link TEXT NOT NULL,
    connects TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX hub_pending_sign_in_by_time ON hub_pending_sign_in (expires);
