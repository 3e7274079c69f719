-- Tickets with which machines open their websocket, at whichever replica. Only the digest of a ticket is kept; whoever uses
-- it takes the row.
CREATE TABLE hub_ticket (
    digest TEXT NOT NULL PRIMARY KEY,
    good_until BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX hub_ticket_by_time ON hub_ticket (good_until);
