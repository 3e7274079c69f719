-- Codes by which people say in a chat who they are here: of a code only the digest. Who they are there is in hub_identity then.
CREATE TABLE hub_chat_code (
    digest TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX hub_chat_code_by_time ON hub_chat_code (expires);
