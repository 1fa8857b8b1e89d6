-- The carrier writes to the recipient when the parcel is on its way. Nobody said
-- yet what this column is: Lethe's gate catches it before the merge.
ALTER TABLE shipments
    ADD COLUMN recipient_email text NOT NULL DEFAULT '';
