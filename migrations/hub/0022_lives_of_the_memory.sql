-- The life of this memory: another one begins when it is put back to an older point. `known_until` is the moment of that
-- point, zero when it was never put back.
CREATE TABLE hub_life (
    one BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    known_until BIGINT NOT NULL
);
