-- How long a machine may take to answer for a delivery that it has, and until when; 0 while it has never had it.
ALTER TABLE hub_delivery ADD COLUMN patience BIGINT NOT NULL DEFAULT 86400000000;
ALTER TABLE hub_delivery ADD COLUMN answer_by BIGINT NOT NULL DEFAULT 0;
CREATE INDEX hub_delivery_by_answer ON hub_delivery (answer_by) WHERE state = 'sent';

-- When an invocation that has not ended is over for want of an answer; 0 where nothing says so: some time after it was asked.
ALTER TABLE hub_invocation ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
UPDATE hub_invocation SET due = created + 86400000000 WHERE ended = 0 AND phase = 'ASKING';
CREATE INDEX hub_invocation_open ON hub_invocation (due) WHERE ended = 0;
