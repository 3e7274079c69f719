-- What a program of schema 80 adds.
INSERT INTO reported (hub, cursor) VALUES ('https://hub.example.com', 7);
INSERT INTO deliveries (key, state, at, body)
VALUES ('A1:e-1', 1, 1900000000000000,
    '{"key":"A1:e-1","workspace":"A1","correlation":"e-1","what":{"what":"event","operation":"OnPush","object":{"id":"push-1"}},"at":1900000000000000,"answer":{"code":0,"reason":"done","message":null}}');
