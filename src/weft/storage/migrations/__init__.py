"""Changes a database that exists, by Alembic: all of what is missing in one transaction, or nothing.

Alembic and SQLAlchemy's engine are loaded by the functions that need them: a database that is new or
up to date never does.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.errors import SchemaMismatch

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

_HERE = Path(__file__).parent
LOCK = 0x77656674
"""Key of PostgreSQL's advisory lock, so that one process at a time changes the tables."""


def revisions() -> list[str]:
    """All revisions this program knows, oldest first: the numbers that begin the names in ``versions``."""
    return sorted(path.name.split("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The revision that this program works with."""
    return revisions()[-1]


def outdated(revision: str, *, migrate: bool = True) -> bool:
    """Whether a database at ``revision`` is to be upgraded.

    Raises:
        SchemaMismatch: it is newer than this program, or older and may not be changed.
    """
    if revision == head():
        return False
    if revision not in revisions():
        raise SchemaMismatch(
            f"the database is at revision {revision!r}, which this program (at {head()!r}) does not know: "
            "it was changed by a newer Weft. Install that version or a newer one, or restore a backup"
        )
    if not migrate:
        raise SchemaMismatch(
            f"the database is at revision {revision!r}, and this program needs {head()!r}: run `weft db upgrade`"
        )
    return True


def upgrade_sqlite(path: Path) -> None:
    """Bring a file up to date."""
    from sqlalchemy import create_engine, event  # noqa: PLC0415

    engine = create_engine(f"sqlite:///{path}")

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would commit before each CREATE TABLE
        connection.execute("PRAGMA busy_timeout=60000")

    def begun(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    try:
        with engine.begin() as connection:
            run_scripts(connection)
    finally:
        engine.dispose()


async def upgrade_postgres(dsn: str, schema: str) -> None:
    """Bring the tables in a schema up to date."""
    from sqlalchemy import text  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    address = "postgresql+asyncpg://" + dsn.split("://", 1)[1]
    engine = create_async_engine(address, connect_args={"server_settings": {"search_path": f'"{schema}"'}})
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            await connection.run_sync(run_scripts)
    finally:
        await engine.dispose()


def run_scripts(connection: "Connection") -> None:
    """Run what is missing, in the transaction that ``connection`` is in."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(config(connection), "head")


def config(connection: "Connection | None" = None) -> "Config":
    """Alembic's own settings, for its commands."""
    from alembic.config import Config  # noqa: PLC0415

    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return made
