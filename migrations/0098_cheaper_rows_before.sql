-- +goose Up

-- In a step of its own, which reads the rows without holding anybody up.
ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_amounts_not_numbers;
