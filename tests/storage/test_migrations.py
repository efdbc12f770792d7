"""The tables that a new database gets are those that the migrations make, and no migration is half done."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from tests.storage.samples import LOCAL, begin, commit_of
from tests.warm import KILL, python
from weft.errors import SchemaMismatch
from weft.storage import migrations, open_store, revisions
from weft.storage.migrations import config, head, outdated, upgrade_postgres, upgrade_sqlite
from weft.storage.postgres_url import PostgresUrl
from weft.storage.tables import metadata

ROOT = Path(__file__).parents[2]
SECOND = '''
"""A second revision, for tests."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE threads ADD COLUMN colour TEXT")
    op.execute("CREATE TABLE palette (name TEXT)")
    {then}
'''


def schema_of(path: Path) -> list[tuple[str, str | None]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return [(name, None if sql is None else " ".join(sql.split())) for name, sql in rows]


def test_sqlite_tables_are_those_of_the_migrations(tmp_path: Path) -> None:
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    assert revisions.current(f"sqlite:///{made}") is None
    assert revisions.upgrade(f"sqlite:///{made}") == (None, head())
    upgrade_sqlite(migrated)
    assert schema_of(made) == schema_of(migrated)
    assert revisions.current(f"sqlite:///{made}") == revisions.current(f"sqlite:///{migrated}") == head()
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


DESCRIBE = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity FROM information_schema.columns
    WHERE table_schema = current_schema()
    UNION ALL SELECT tablename, indexname, regexp_replace(indexdef, current_schema(), ''), '', '', '' FROM pg_indexes
    WHERE schemaname = current_schema() ORDER BY 1, 2
"""


async def test_postgres_tables_are_those_of_the_migrations(postgres_url: str) -> None:
    made, migrated = PostgresUrl(postgres_url), PostgresUrl(postgres_url + "_migrated")
    await (await open_store(postgres_url)).close()
    await upgrade_postgres(migrated.dsn, migrated.schema)
    described: list[Any] = []
    for url in (made, migrated):
        connection = await url.connect()
        described.append([tuple(row) for row in await connection.fetch(DESCRIBE)])
        await connection.close()
    assert described[0] == described[1]
    assert len(described[0]) > 100
    await (await open_store(postgres_url + "_migrated", migrate=False)).close()

    engine = create_async_engine(
        "postgresql+asyncpg" + made.dsn.removeprefix("postgresql"),
        connect_args={"server_settings": {"search_path": made.schema}},
    )
    async with engine.connect() as checked:
        differences = await checked.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))
    await engine.dispose()
    assert differences == []


def test_postgres_can_be_asked_and_upgraded_from_a_command(postgres_url: str) -> None:
    assert revisions.current(postgres_url) is None
    assert revisions.upgrade(postgres_url) == (None, head())
    assert revisions.upgrade(postgres_url) == (head(), head())


def test_there_is_one_line_of_revisions_and_its_head_is_known() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert scripts.get_heads() == [head()]
    assert sorted(script.revision for script in scripts.walk_revisions()) == migrations.revisions()


def test_alembic_finds_nothing_to_add(tmp_path: Path) -> None:
    upgrade_sqlite(tmp_path / "weft.db")
    engine = create_engine(f"sqlite:///{tmp_path}/weft.db")
    with engine.connect() as connection:
        command.check(config(connection))
    engine.dispose()


@pytest.fixture(params=["file", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where nothing is yet."""
    new = request.param == "file"
    return f"sqlite:///{tmp_path}/weft.db" if new else str(request.getfixturevalue("postgres_url"))


async def test_a_newer_database_is_refused_with_advice(shared_url: str, tmp_path: Path) -> None:
    await (await open_store(shared_url)).close()
    if shared_url.startswith("sqlite"):
        connection = sqlite3.connect(tmp_path / "weft.db")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
    else:
        raw = await PostgresUrl(shared_url).connect()
        await raw.execute("UPDATE alembic_version SET version_num = '9999'")
        await raw.close()
    with pytest.raises(SchemaMismatch, match=r"newer Weft.*backup"):
        await open_store(shared_url)


async def test_without_leave_to_migrate_nothing_is_made(shared_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="weft db upgrade"):
        await open_store(shared_url, migrate=False)
    with pytest.raises(SchemaMismatch, match="weft db upgrade"):
        await open_store(shared_url, migrate=False)


def test_an_older_database_needs_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "revisions", lambda: ["0001", "0002"])
    assert outdated("0001")
    assert not outdated("0002")
    with pytest.raises(SchemaMismatch, match="weft db upgrade"):
        outdated("0001", migrate=False)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may add to."""
    import shutil  # noqa: PLC0415

    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy)
    return copy


UPGRADE = """
import asyncio, sys
from pathlib import Path
from weft.storage import migrations, open_store

migrations._HERE = Path(sys.argv[2])
print("begun", flush=True)
async def main():
    await (await open_store(sys.argv[1])).close()
asyncio.run(main())
"""


async def columns(url: str, path: Path) -> tuple[str | None, bool, bool]:
    """The revision, and which of the two changes of the second revision are there."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(path)
        names = {row[1] for row in connection.execute("PRAGMA table_info(threads)")}
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        connection.close()
        return await asyncio.to_thread(revisions.current, url), "colour" in names, "palette" in tables
    raw = await PostgresUrl(url).connect()
    query = "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'colour'"
    colour, palette = await raw.fetchval(query), await raw.fetchval("SELECT to_regclass('palette')")
    revision = await raw.fetchval("SELECT version_num FROM alembic_version")
    await raw.close()
    return revision, colour is not None, palette is not None


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("then", "end"), [("raise RuntimeError('no')", "fails"), ("import time; time.sleep(60)", "is killed")]
)
async def test_a_migration_that_does_not_end_changes_nothing(
    shared_url: str, tmp_path: Path, program: Path, then: str, end: str
) -> None:
    store = await open_store(shared_url)
    run = await begin(store)
    await store.commit(commit_of(run, 1))
    await store.close()
    script = program / "versions" / "0002_second.py"
    await asyncio.to_thread(script.write_text, SECOND.format(then=then))
    killed = end == "is killed"
    assert await asyncio.to_thread(_upgrade, shared_url, program, kill=killed) == (-signal.SIGKILL if killed else 1)
    assert await columns(shared_url, tmp_path / "weft.db") == ("0001", False, False)
    store = await open_store(shared_url, migrate=False)
    assert (await store.runs.get(LOCAL, run.id)).seq == 1
    await store.close()
    await asyncio.to_thread(script.write_text, SECOND.format(then=""))
    assert await asyncio.to_thread(_upgrade, shared_url, program, kill=False) == 0
    assert await columns(shared_url, tmp_path / "weft.db") == ("0002", True, True)


def _upgrade(url: str, program: Path, *, kill: bool) -> int:
    with subprocess.Popen(
        python("-c", UPGRADE, url, str(program)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        if kill:
            time.sleep(2)
            child.send_signal(KILL)
        return child.wait()
