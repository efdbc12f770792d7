"""What Alembic runs: the scripts of ``versions`` on the connection that it was given."""

from alembic import context

from weft.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
