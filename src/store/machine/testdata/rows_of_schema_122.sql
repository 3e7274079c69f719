-- What a program of schema 122 adds.
INSERT INTO deliveries (key, state, at, body, line)
VALUES ('A1:e-2', 2, 1900000000000000,
    '{"key":"A1:e-2","workspace":"A1","correlation":"e-2","what":{"what":"event","operation":"OnPush","object":{"id":"push-2"}},"at":1900000000000000,"answer":{"code":0,"reason":"done","message":null}}',
    'ghe_1/acme/app');
