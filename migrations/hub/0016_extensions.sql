-- What this hub is to others for good, such as the name by which add-ons keep its record.
CREATE TABLE hub_lasting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Extensions: where each is, what it says of itself to the byte, and what it was told. What it may do stands in hub_addon;
-- its secrets, of which only ids are here, in hub_secret. `version` counts changes, so that two hubs do not act for one at a time.
CREATE TABLE hub_extension (
    key TEXT NOT NULL PRIMARY KEY,
    workspaces TEXT NOT NULL,
    descriptor_url TEXT NOT NULL,
    descriptor TEXT NOT NULL,
    wished TEXT NOT NULL,
    client TEXT NOT NULL,
    installed TEXT NOT NULL,
    current_secret TEXT NOT NULL,
    previous_secret TEXT NOT NULL,
    previous_until BIGINT NOT NULL,
    next_secret TEXT NOT NULL,
    wants_secret BIGINT NOT NULL,
    told TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    trouble TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX hub_extension_by_client ON hub_extension (client);

-- Public halves of the keys that sign installs; add-ons may keep one for ever by its id, so that no id comes twice.
CREATE TABLE hub_install_key (
    id TEXT NOT NULL PRIMARY KEY,
    pem TEXT NOT NULL,
    created BIGINT NOT NULL,
    retired BIGINT NOT NULL
);
