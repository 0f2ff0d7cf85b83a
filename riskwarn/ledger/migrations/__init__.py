"""The schema of the ledger, revision by revision, for Alembic."""
