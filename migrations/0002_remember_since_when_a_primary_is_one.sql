-- Why: a backup may ask for promotion with an older term than the VM's, if only the set of backups has changed since.

ALTER TABLE vms ADD COLUMN primary_since_term bigint NOT NULL DEFAULT 1;
