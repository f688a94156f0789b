-- Why: an image is taken away by a call, and what VMs are made from by a name is moved by one.

-- It is offered no more; VMs that were made from it keep their row.
ALTER TABLE images ADD COLUMN deleted_at timestamptz;

CREATE TABLE image_aliases (
  name text PRIMARY KEY,
  image_id text NOT NULL REFERENCES images (id),
  -- Counts its moves: the ETag.
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX image_aliases_image ON image_aliases (image_id);
