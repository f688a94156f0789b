-- Why: a token may do what it is for, for as long as it is for that; and it can be taken back.

-- Tokens that were there could do everything.
ALTER TABLE tokens ADD COLUMN scopes text[] NOT NULL DEFAULT '{admin}';
ALTER TABLE tokens ALTER COLUMN scopes DROP DEFAULT;
ALTER TABLE tokens ADD COLUMN expires_at timestamptz;
ALTER TABLE tokens ADD COLUMN revoked_at timestamptz;
-- The token by which this one was made; null: made at set-up.
ALTER TABLE tokens ADD COLUMN created_by text;
CREATE INDEX tokens_created ON tokens (created_at DESC, id DESC);
