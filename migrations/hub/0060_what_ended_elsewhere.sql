-- What people had let the hub do for them at a provider and that ended there, until they let it do so again: so that their page says it.
CREATE TABLE hub_lost_authorization (
    person TEXT NOT NULL,
    provider TEXT NOT NULL,
    how TEXT NOT NULL,
    lost BIGINT NOT NULL,
    PRIMARY KEY (person, provider)
);
CREATE INDEX hub_authorization_by_subject ON hub_authorization (provider, subject);
