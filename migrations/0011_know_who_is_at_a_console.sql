-- Why: a browser attaches by a ticket that is good once, wherever it comes to; and all control planes tell alike who is at a console, and which input sessions are over.

CREATE TABLE console_tickets (
  secret_sha256 text PRIMARY KEY,
  vm_id text NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
  -- The token that made it: it must still be good when the ticket is redeemed.
  token_id text NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
  mode text NOT NULL CHECK (mode IN ('read', 'write')),
  expires_at timestamptz NOT NULL
);

CREATE TABLE console_sessions (
  id text PRIMARY KEY,
  vm_id text NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
  -- The instance of the control plane that has the connection: without it, nobody is attached.
  control_plane integer NOT NULL,
  token_id text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('read', 'write')),
  subprotocol text NOT NULL,
  input_session text,
  -- Everything below has been consumed, as of `updated_at`.
  position bigint NOT NULL,
  attached_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX console_sessions_vm ON console_sessions (vm_id, attached_at);

CREATE TABLE console_input_sessions (
  vm_id text NOT NULL REFERENCES vms (id) ON DELETE CASCADE,
  id text NOT NULL,
  -- Everything below was acknowledged: a machine that knows less has forgotten it.
  input_next bigint NOT NULL DEFAULT 0,
  last_used_at timestamptz NOT NULL DEFAULT now(),
  -- Others came after it: it is not resumed.
  expired boolean NOT NULL DEFAULT false,
  PRIMARY KEY (vm_id, id)
);
