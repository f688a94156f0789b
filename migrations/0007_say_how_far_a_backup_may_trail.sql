-- Why: how far a backup may trail is asked for VM by VM; those that were made before had the service's bound.

UPDATE vms SET spec = jsonb_set(spec, '{protection,maxLagMs}', '2000'::jsonb);
