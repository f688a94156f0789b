-- Why: what an operator wants of a worker (take nothing new, give up what it has, be cut off) must outlive both processes.

ALTER TABLE workers ADD COLUMN labels jsonb NOT NULL DEFAULT '{}';
ALTER TABLE workers ADD COLUMN desired_state text NOT NULL DEFAULT 'ready';
-- A drain that may leave VMs without a backup for a while.
ALTER TABLE workers ADD COLUMN drain_forced boolean NOT NULL DEFAULT false;
ALTER TABLE workers ADD COLUMN operation_id text;

ALTER TABLE operations ADD COLUMN worker_id text;
