-- Why: that replicas of a VM have differed must be seen after the primary that told of it, and this control plane, are gone.

ALTER TABLE vms ADD COLUMN divergence jsonb;
