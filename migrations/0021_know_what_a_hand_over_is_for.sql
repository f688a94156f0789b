-- Why: what a drain makes happen is one trace, and its hand-overs, each with the repair after it, are part of it.

-- {requestId, traceparent} of the drain that it is for; null: it is for none, or a user has asked for it.
ALTER TABLE failovers ADD COLUMN origin jsonb;
