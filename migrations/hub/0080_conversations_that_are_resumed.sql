-- With what a machine comes back to its conversation, at whichever replica: one for each run of a machine, for one use. Only the digest of
-- the text is kept. It is good for as long as its run is alive, and for a while after.
CREATE TABLE hub_resumption (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, id)
);
CREATE INDEX hub_resumption_by_digest ON hub_resumption (digest);
