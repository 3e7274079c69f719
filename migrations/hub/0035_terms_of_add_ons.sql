-- On which terms add-ons are at work, as administrators set them, each by its word.
CREATE TABLE hub_addon_term (
    addon TEXT NOT NULL,
    term TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given BIGINT NOT NULL,
    PRIMARY KEY (addon, term)
);
