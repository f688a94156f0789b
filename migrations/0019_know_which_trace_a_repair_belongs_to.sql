-- Why: what a call, or a failover, makes happen later is found in its trace: the backups that are placed for it too.

-- {requestId, traceparent} of the call that began the guest or changed its protection, or of the failover that took its backup; null: none of these.
ALTER TABLE vms ADD COLUMN repair_origin jsonb;
-- The same of what the replica was placed for.
ALTER TABLE replicas ADD COLUMN origin jsonb;
-- W3C trace context of its span.
ALTER TABLE failovers ADD COLUMN traceparent text;
-- When the arbiter granted the promotion: what the instants of its phases are counted from.
ALTER TABLE failovers ADD COLUMN granted_at timestamptz;
