-- Programs on people's computers that are on their way to a key: the code that the browser brings them, and then the token with which they
-- ask for it, as digests. Whoever uses one takes the row.
CREATE TABLE hub_login (
    digest TEXT NOT NULL PRIMARY KEY,
    step TEXT NOT NULL,
    person TEXT NOT NULL,
    challenge TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX hub_login_by_time ON hub_login (expires);
