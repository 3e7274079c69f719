-- Whether it was looked at what a command that was given up is not to show again: '' for not yet, 'whole' where there was nothing,
-- 'blank' where values were taken out, so that it can be delivered no more.
ALTER TABLE hub_delivery ADD COLUMN shown TEXT NOT NULL DEFAULT '';
