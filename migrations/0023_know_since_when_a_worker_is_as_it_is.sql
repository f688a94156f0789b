-- Why: the conditions of a worker say since when they hold, and a change of its labels is no change of its state.

-- When the worker's state became what it is.
ALTER TABLE workers ADD COLUMN state_since timestamptz NOT NULL DEFAULT now();
UPDATE workers SET state_since = updated_at;
