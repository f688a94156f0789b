-- Why: a repeat with the same idempotency key gets the first answer byte for byte: jsonb forgets in which order fields were.

ALTER TABLE idempotency_records ALTER COLUMN body TYPE json USING body::json;
