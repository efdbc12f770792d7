"""A database's tables: made where there are none, checked where there are."""

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.schema import CreateIndex, CreateTable

from weft.errors import SchemaMismatch
from weft.storage import item_tables as item_tables  # its tables are among those of the metadata
from weft.storage import knowledge_tables as knowledge_tables
from weft.storage.chain import POSTGRES
from weft.storage.migrations import LOCK, head, outdated, upgrade_postgres, upgrade_sqlite
from weft.storage.query import Speech, dialect
from weft.storage.sqlite import SqliteUrl
from weft.storage.sqlite_errors import translated
from weft.storage.tables import metadata
from weft.storage.unsampled import unsampled

if TYPE_CHECKING:
    from weft.storage.postgres_url import Connection, PostgresUrl

VERSION_TABLE = """
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""
NO_TABLES = "the database has no tables of Weft's: run `weft db upgrade`"


def statements(speech: Speech) -> list[str]:
    """What makes all tables and says at which revision they are."""
    made = dialect(speech)
    create = [str(CreateTable(table).compile(dialect=made)) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    create += [str(CreateIndex(index).compile(dialect=made)) for index in sorted(indexes, key=lambda i: str(i.name))]
    create += (*POSTGRES, *unsampled()) if speech == "postgresql" else ()
    return [*create, VERSION_TABLE, f"INSERT INTO alembic_version VALUES ('{head()}')"]


def prepare_sqlite(url: SqliteUrl, *, migrate: bool = True) -> sqlite3.Connection | None:
    """Make or check the tables. For memory, the connection that has them.

    Raises:
        SchemaMismatch: the tables are not those of this program, and may not be or cannot be changed.
        StoreError: the file cannot be opened or written.
    """
    try:
        connection = url.connect()
        try:
            revision = sqlite_revision(connection) or _create_sqlite(connection, migrate=migrate)
        except BaseException:
            connection.close()
            raise
        if url.path is None:
            return connection
        connection.close()
    except sqlite3.Error as error:
        raise translated(error) from error
    if outdated(revision, migrate=migrate):
        upgrade_sqlite(url.path)
    return None


def sqlite_revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the tables; ``None`` where there are none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row and str(row[0])


def _create_sqlite(connection: sqlite3.Connection, *, migrate: bool) -> str:
    if not migrate:
        raise SchemaMismatch(NO_TABLES)
    connection.execute("BEGIN IMMEDIATE")
    try:
        revision = sqlite_revision(connection)  # another process may have been faster
        if revision is None:
            for statement in statements("sqlite"):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return revision or head()


async def prepare_postgres(url: "PostgresUrl", *, migrate: bool = True) -> None:
    """Make or check the tables.

    Raises:
        SchemaMismatch: the tables are not those of this program, and may not be or cannot be changed.
        StoreError: the database cannot be reached.
    """
    connection = await url.connect()
    try:
        revision = await postgres_revision(connection) or await _create_postgres(
            connection, url.schema, migrate=migrate
        )
    finally:
        await connection.close()
    if outdated(revision, migrate=migrate):
        await upgrade_postgres(url.dsn, url.schema)


async def postgres_revision(connection: "Connection") -> str | None:
    """The revision of the tables in the first schema of the path; ``None`` where there are none."""
    if await connection.fetchval("SELECT to_regclass(quote_ident(current_schema()) || '.alembic_version')") is None:
        return None
    return await connection.fetchval("SELECT version_num FROM alembic_version")


async def _create_postgres(connection: "Connection", schema: str, *, migrate: bool) -> str:
    if not migrate:
        raise SchemaMismatch(NO_TABLES)
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        revision = await postgres_revision(connection)  # another process may have been faster
        if revision is None:
            await connection.execute(";\n".join(statements("postgresql")))
    return revision or head()
