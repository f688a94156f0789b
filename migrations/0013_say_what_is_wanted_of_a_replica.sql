-- Why: a replica can be ordered away, or ended, by a call of its own; and the operation that did so ends when that is so.

-- here; elsewhere: another one takes its place before it is dropped; gone: it is dropped now.
ALTER TABLE replicas ADD COLUMN wanted text NOT NULL DEFAULT 'here' CHECK (wanted IN ('here', 'elsewhere', 'gone'));
-- Where the one that takes its place shall be; null: wherever there is room.
ALTER TABLE replicas ADD COLUMN target_worker text;
-- The operation that waits for it to be gone.
ALTER TABLE replicas ADD COLUMN operation_id text;
CREATE INDEX replicas_operation ON replicas (operation_id) WHERE operation_id IS NOT NULL;
