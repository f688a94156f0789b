-- Why: a VM may have up to three backups; those that were made before had one, or none.

UPDATE vms SET spec = jsonb_set(spec, '{protection,backups}', CASE WHEN spec -> 'protection' ->> 'mode' = 'none' THEN '0'::jsonb ELSE '1'::jsonb END);
