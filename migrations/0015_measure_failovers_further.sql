-- Why: a failover is over for whoever looks on when there is output again, and its record says that the new primary was checked against the old one.

-- From live to the first byte that its guest wrote afterwards; null: it has not written since.
ALTER TABLE failovers ADD COLUMN first_output_ms double precision;
-- The longest silence that somebody who was attached to the console had; null: nobody was, or there was no output.
ALTER TABLE failovers ADD COLUMN client_ms double precision;
-- The newest instant at which the new primary's state was found equal to the old one's, and the hash of it.
ALTER TABLE failovers ADD COLUMN verified_instant bigint;
ALTER TABLE failovers ADD COLUMN state_hash text;
