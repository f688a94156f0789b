-- Why: what an operation makes happen later, in events, orders to workers and their logs, is found by the call that set it going.

ALTER TABLE operations ADD COLUMN request_id text;
ALTER TABLE operations ADD COLUMN traceparent text;
