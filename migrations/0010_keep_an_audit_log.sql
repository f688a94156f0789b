-- Why: who has asked for what, from where, and what came of it, must be told long after; and what was told of a past time stays so.

CREATE TABLE audit_entries (
  id text PRIMARY KEY,
  request_id text NOT NULL,
  -- Null: no token that was good.
  token_id text,
  method text NOT NULL,
  route text NOT NULL,
  operation text NOT NULL,
  resource text NOT NULL,
  source_address text NOT NULL,
  -- The instance of the control plane that has the call.
  control_plane integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  -- Null: it is not answered yet. No two entries have the same.
  completed_at timestamptz,
  -- Null in one that is completed: its control plane was lost before it had answered, or its caller went away.
  status integer,
  code text,
  duration_ms double precision
);
CREATE UNIQUE INDEX audit_entries_completed ON audit_entries (completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX audit_entries_open ON audit_entries (started_at) WHERE completed_at IS NULL;

-- Calls are completed in the order of this clock, whose row is locked to the end of the transaction.
CREATE TABLE audit_clock (
  id integer PRIMARY KEY CHECK (id = 1),
  completed_at timestamptz NOT NULL
);
INSERT INTO audit_clock (id, completed_at) VALUES (1, now());

-- What is old is looked for again and again.
CREATE INDEX events_time ON events (time);
