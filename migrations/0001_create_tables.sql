-- Why: everything that must survive a restart of the control plane; `vms.term` is the only permission to be primary.

CREATE TABLE tokens (
  id text PRIMARY KEY,
  name text NOT NULL,
  secret_sha256 text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE images (
  id text PRIMARY KEY,
  name text NOT NULL,
  digest text NOT NULL UNIQUE,
  manifest jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE workers (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  incarnation text NOT NULL,
  state text NOT NULL,
  pid integer NOT NULL,
  host text NOT NULL,
  zone text,
  logging_host text NOT NULL,
  logging_port integer NOT NULL,
  memory_mib integer NOT NULL,
  cores integer NOT NULL,
  version text NOT NULL,
  node_version text NOT NULL,
  build_digest text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_heartbeat_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vms (
  id text PRIMARY KEY,
  project text NOT NULL,
  name text,
  labels jsonb NOT NULL,
  image_id text NOT NULL REFERENCES images (id),
  spec jsonb NOT NULL,
  generation integer NOT NULL DEFAULT 1,
  resource_version bigint NOT NULL DEFAULT 0,
  desired_state text NOT NULL DEFAULT 'running',
  state text NOT NULL DEFAULT 'provisioning',
  state_reason text,
  state_message text,
  state_since timestamptz NOT NULL DEFAULT now(),
  -- The arbiter's columns: written by the first placement and by the compare-and-set on `term`, by nothing else.
  term bigint NOT NULL DEFAULT 1,
  primary_replica text,
  synced text[] NOT NULL DEFAULT '{}',
  transition_kind text NOT NULL DEFAULT 'create',
  transition_by text,
  transition_replica text,
  protection_state text NOT NULL,
  protection_reason text,
  protection_since timestamptz NOT NULL DEFAULT now(),
  -- What was last known: live figures come from the workers' reports.
  instant bigint NOT NULL DEFAULT 0,
  console_end bigint NOT NULL DEFAULT 0,
  operation_id text,
  delete_operation_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE UNIQUE INDEX vms_name ON vms (project, name) WHERE deleted_at IS NULL;
CREATE INDEX vms_created ON vms (project, created_at, id);

CREATE TABLE replicas (
  id text PRIMARY KEY,
  vm_id text NOT NULL REFERENCES vms (id),
  worker_id text NOT NULL REFERENCES workers (id),
  incarnation text NOT NULL,
  role text NOT NULL,
  state text NOT NULL DEFAULT 'placing',
  state_reason text,
  memory_mib integer NOT NULL,
  channel_secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- When its memory was known to be free again.
  gone_at timestamptz
);
CREATE INDEX replicas_vm ON replicas (vm_id, created_at);
CREATE INDEX replicas_worker ON replicas (worker_id) WHERE gone_at IS NULL;

CREATE TABLE operations (
  id text PRIMARY KEY,
  project text NOT NULL,
  kind text NOT NULL,
  state text NOT NULL DEFAULT 'running',
  vm_id text,
  result jsonb,
  error jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz
);

CREATE TABLE failovers (
  id text PRIMARY KEY,
  vm_id text NOT NULL REFERENCES vms (id),
  mode text,
  cause text NOT NULL,
  state text NOT NULL,
  from_replica text,
  to_replica text NOT NULL,
  term bigint,
  gap_ms jsonb,
  instant bigint,
  console_end bigint,
  operation_id text,
  started_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz
);
CREATE INDEX failovers_vm ON failovers (vm_id, started_at DESC, id DESC);
-- One at a time.
CREATE UNIQUE INDEX failovers_open ON failovers (vm_id) WHERE state IN ('pending', 'promoting');

-- Numbers events in the order of their commits: the row lock is held to the end of the transaction.
CREATE TABLE event_clock (
  id integer PRIMARY KEY CHECK (id = 1),
  seq bigint NOT NULL
);
INSERT INTO event_clock (id, seq) VALUES (1, 0);

CREATE TABLE events (
  seq bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  type text NOT NULL,
  time timestamptz NOT NULL DEFAULT now(),
  project text NOT NULL,
  vm_id text,
  term bigint,
  cause text,
  actor jsonb NOT NULL,
  operation_id text,
  request_id text,
  data jsonb NOT NULL
);
CREATE INDEX events_vm ON events (vm_id, seq);

CREATE TABLE idempotency_records (
  project text NOT NULL,
  principal text NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  status integer NOT NULL,
  headers jsonb NOT NULL,
  body jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (project, principal, route, key)
);
CREATE INDEX idempotency_records_expiry ON idempotency_records (expires_at);
