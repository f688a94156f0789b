-- Why: a VM that failed is started again as its restart policy says, and one that keeps failing is left a while between.

-- Since somebody started it, or since a guest of it ran for long.
ALTER TABLE vms ADD COLUMN restarts integer NOT NULL DEFAULT 0;
