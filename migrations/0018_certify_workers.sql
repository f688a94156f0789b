-- Why: workers and control planes show certificates to each other, all of one authority that every control plane shares.

-- One row at most. The private key is sealed with a key drawn from the join token.
CREATE TABLE certificate_authority (
  id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  certificate text NOT NULL,
  sealed_private_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Who the certificates of a worker's name are for: known before it has said hello, and until it is deleted.
CREATE TABLE worker_identities (
  name text PRIMARY KEY,
  worker_id text NOT NULL UNIQUE,
  certified_at timestamptz NOT NULL DEFAULT now()
);
