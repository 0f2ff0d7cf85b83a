"""What Alembic runs: the revisions, on the connection it was given, in one transaction."""

from alembic import context

from riskwarn.ledger.tables import METADATA

if hasattr(context, "config"):  # Alembic runs this file; who merely imports it runs nothing
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite alters a table by making it anew
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
