-- How far back a hub has looked for webhooks that did not arrive, for each app that sends them. `mark`: what failed before it was seen to.
-- `top` and `place`: a look back that is not over began then, and goes on there. `held_until`: one hub at a time.
CREATE TABLE hub_missed (
    hook TEXT NOT NULL PRIMARY KEY,
    mark BIGINT NOT NULL,
    top BIGINT NOT NULL,
    place TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
