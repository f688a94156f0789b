-- Why: an image that was pulled into one control plane's store is there for all of them, also when that one is gone.

-- A control plane whose store has the image has brought its bytes to image_chunks.
ALTER TABLE images ADD COLUMN shared boolean NOT NULL DEFAULT false;
