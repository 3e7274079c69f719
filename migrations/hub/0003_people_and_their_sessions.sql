-- People of the hub. An id is never given again.
CREATE TABLE hub_person (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- Who they are elsewhere: the number that a forge knows them by, the subject of a provider of OpenID Connect.
CREATE TABLE hub_identity (
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    login TEXT NOT NULL,
    person TEXT NOT NULL,
    linked BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX hub_identity_by_person ON hub_identity (person);

-- Browsers in which people are signed in: never what the browser holds, only its digest.
CREATE TABLE hub_session (
    digest TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    means TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    signed_in BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);
CREATE INDEX hub_session_by_person ON hub_session (person);

-- Links that sign somebody in once. One with a role is an invitation: it makes the person.
CREATE TABLE hub_sign_in_link (
    digest TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

-- Counts changes of people; whoever changes them holds its row.
INSERT INTO hub_counter (name, value) VALUES ('people', 0);
