-- Why: one session writes to a VM's console, whichever control plane it came by; and an old process of a worker stays old.

CREATE TABLE console_writers (
  vm_id text PRIMARY KEY REFERENCES vms (id) ON DELETE CASCADE,
  session_id text NOT NULL,
  input_session text NOT NULL,
  -- The instance of the control plane that has the session: without it, nobody writes.
  control_plane integer NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE workers ADD COLUMN former_incarnations text[] NOT NULL DEFAULT '{}';
