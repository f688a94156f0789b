-- Why: an image that is uploaded to one control plane is there for all of them, and outlives the disk of each.

-- Its bytes are in this database; a control plane puts them into its own store when they are wanted there.
ALTER TABLE images ADD COLUMN uploaded boolean NOT NULL DEFAULT false;

-- Kernels and initramfs by their digest, in pieces of 1 MiB.
CREATE TABLE image_chunks (
  digest text NOT NULL,
  n integer NOT NULL,
  bytes bytea NOT NULL,
  -- Pieces that belong to no image are forgotten a day later.
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (digest, n)
);
-- They are as small as they get: no time is spent on making them smaller.
ALTER TABLE image_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
