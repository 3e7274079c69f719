-- Secrets, each encrypted for its row; the key that opens them is not in here (security model 10.8). Names and times alone are readable.
CREATE TABLE hub_secret (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    sealed TEXT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, id)
);
CREATE INDEX hub_secret_by_owner ON hub_secret (owner);
