"""What only PostgreSQL can do: jobs in the same transaction, a doorbell, values that it refuses."""

import asyncio
import sys

import pytest

from tests.storage.samples import LOCAL, begin, commit_of, no_job, record
from weft.errors import NotFound, StoreError, UsageError
from weft.storage import open_store
from weft.storage.base import Job, Tx
from weft.storage.postgres_url import PostgresUrl


async def test_a_job_is_in_the_transaction_of_its_run(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    raw = await PostgresUrl(postgres_url).connect()
    await raw.execute("CREATE TABLE jobs (id text)")

    async def enqueue(tx: Tx, job: Job) -> None:
        await tx.execute("INSERT INTO jobs VALUES ($1)", job.id)

    run = await store.runs.create(record(), enqueue)
    assert [row[0] for row in await raw.fetch("SELECT id FROM jobs")] == [f"{run.id}/0"]

    durable: list[str] = []

    async def fail(tx: Tx, job: Job) -> None:
        tx.after_commit(lambda: durable.append(job.id))
        await enqueue(tx, job)
        raise RuntimeError("no queue today")

    lost = record()
    with pytest.raises(RuntimeError, match="no queue today"):
        await store.runs.create(lost, fail)
    with pytest.raises(NotFound):
        await store.runs.get(LOCAL, lost.id)
    running = await begin(store)
    with pytest.raises(RuntimeError, match="no queue today"):
        await store.runs.requeue(running.id, running.fence, fail)
    assert (await store.runs.get(LOCAL, running.id)).status == "running"
    assert await raw.fetchval("SELECT count(*) FROM jobs") == 1
    assert durable == []
    await raw.close()
    await store.close()


async def test_the_bell_rings_in_other_processes_only(postgres_url: str) -> None:
    here, there = await open_store(postgres_url), await open_store(postgres_url)
    heard: dict[str, list[str]] = {"here": [], "there": []}
    rung = asyncio.Event()

    def ring(run_id: str) -> None:
        heard["there"].append(run_id)
        if len(set(heard["there"])) == 600:
            rung.set()

    stops = [here.listen(heard["here"].append), there.listen(ring)]
    await asyncio.sleep(0.3)
    runs = [await begin(here) for _ in range(600)]  # more than one notification holds
    await asyncio.gather(*(here.commit(commit_of(run, 1)) for run in runs))
    await asyncio.wait_for(rung.wait(), 10)
    assert set(heard["there"]) == {run.id for run in runs}
    assert heard["here"] == []
    for stop in stops:
        stop()
    before = len(heard["there"])
    await here.commit(commit_of(runs[0], 2))
    await asyncio.sleep(0.2)
    assert len(heard["there"]) == before
    await here.close()
    await there.close()


async def test_values_that_it_cannot_hold_are_the_callers_fault(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    with pytest.raises(UsageError):
        await store.runs.create(record(target="a\0b"), no_job)
    with pytest.raises(UsageError):
        await store.runs.get(LOCAL, "a\0b")
    await store.close()


async def test_a_database_that_never_answers_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import weft.storage.doors as doors  # noqa: PLC0415

    monkeypatch.setattr(doors, "PATIENCE", 0.2)
    with pytest.raises(StoreError, match="cannot be reached"):
        await open_store("postgresql://postgres@127.0.0.1:1/postgres")


async def test_the_url_has_no_password(postgres_url: str) -> None:
    store = await open_store(postgres_url.replace("postgres@", "postgres:secret@"))
    assert "secret" not in store.url
    assert store.url.startswith("postgresql://postgres@127.0.0.1:")
    await store.close()


async def test_without_its_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("weft.storage.postgres", "weft.storage.postgres_url"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(UsageError, match=r"weft\[postgres\]"):
        await open_store("postgresql://postgres@127.0.0.1:1/postgres")


async def test_the_schema_of_a_database_is_a_name(postgres_url: str) -> None:
    with pytest.raises(UsageError):
        await open_store(postgres_url + '";drop')
