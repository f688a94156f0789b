-- Why: a VM outlives its guest. It is stopped and started again, which is another guest on the same console, and paused.

-- The term in which the guest began: replicas of older terms are another guest's.
ALTER TABLE vms ADD COLUMN guest_term bigint NOT NULL DEFAULT 1;
ALTER TABLE vms ADD COLUMN guest_began_at timestamptz NOT NULL DEFAULT now();
UPDATE vms SET guest_began_at = created_at;
-- Offset of the guest's first console byte.
ALTER TABLE vms ADD COLUMN console_base bigint NOT NULL DEFAULT 0;
-- `console_end` is not only the newest known, but the last that the guest has let out.
ALTER TABLE vms ADD COLUMN console_settled boolean NOT NULL DEFAULT false;
-- While stopping: how long the guest is waited for; 0: it is ended now.
ALTER TABLE vms ADD COLUMN stop_grace_ms integer;

-- Operations are listed, newest first.
CREATE INDEX operations_created ON operations (project, created_at DESC, id DESC);
