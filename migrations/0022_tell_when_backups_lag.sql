-- Why: that a primary begins to wait for a backup that trails is told once, and once when it no longer does, by whichever control plane.

-- Since when a backup has trailed so far that its primary waits for it; null: none does.
ALTER TABLE vms ADD COLUMN lagging_since timestamptz;
