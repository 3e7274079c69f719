-- Machines by their state directory: which run of each is the one that counts, and until when it is alive. Another run is
-- refused meanwhile, because it is a copy.
CREATE TABLE hub_instance (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    run TEXT NOT NULL,
    session TEXT NOT NULL,
    alive_until BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
);
CREATE INDEX hub_instance_by_session ON hub_instance (session);
CREATE INDEX hub_instance_by_time ON hub_instance (alive_until);
