"""What Alembic runs: the scripts of ``versions`` on the connection that it was given."""

from alembic import context

from weft.storage import item_tables as item_tables  # its tables are among those of the metadata
from weft.storage import knowledge_tables as knowledge_tables
from weft.storage.tables import metadata

# Alembic runs this file under this name; whoever merely imports it changes nothing.
if __name__ == "env_py":
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
