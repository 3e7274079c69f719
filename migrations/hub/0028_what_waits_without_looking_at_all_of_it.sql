-- Which registrations something waits for, and what has expired, without looking at everything that waits.
DROP INDEX hub_delivery_by_registration;
CREATE INDEX hub_delivery_by_registration ON hub_delivery (state, registration, position);
CREATE INDEX hub_delivery_by_expiry ON hub_delivery (state, expires);
