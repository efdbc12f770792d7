"""What every store promises of the chain of its audit: whatever is done to it behind its back is found."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Open
from tests.contracts.test_audit import use
from tests.storage.samples import LOCAL, begin, commit_of
from weft.errors import UsageError
from weft.storage import Store
from weft.storage.audit_rows import Link, Proof
from weft.storage.base import Page, RunChange, RunRecord, Scope
from weft.storage.query import Query

ALL = Scope("default")


async def behind(store: Any, sql: str) -> None:
    """Change the database as somebody else would who may write to it."""
    from sqlalchemy import text  # noqa: PLC0415

    def steps() -> Any:
        yield Query(text(sql)), {}

    await store._database.write(steps)


async def used(store: Store, count: int = 5, **more: Any) -> RunRecord:
    run = await begin(store, **more)
    await store.commit(commit_of(run, 1, uses=[use(run, seq) for seq in range(1, count + 1)]))
    return run


def kinds(proof: Proof) -> list[tuple[str, int]]:
    return [(fault.kind, fault.n) for fault in proof.faults]


async def test_an_audit_proves_itself(store: Store) -> None:
    empty = await store.audit.verify("default")
    assert (empty.ok, empty.rows, empty.head) == (True, 0, Link())
    await used(store)
    await used(store, user_id="ada", workspace="other")
    proof = await store.audit.verify("default")
    assert (proof.ok, proof.rows, proof.erased, proof.head.n) == (True, 5, 0, 5)
    assert (await store.audit.verify("other")).head.hash != proof.head.hash
    assert (await store.audit.verify("nobody")).rows == 0


async def test_one_sum_on_both_databases(store: Store) -> None:
    """The hash that a trigger of PostgreSQL makes is that which ours makes beside SQLite."""
    run = await begin(store, id="run_1", thread_id="thread_1")
    strange = use(run, 1, sources="é\n\u4e2d\U0001f600", result=None, failed=True, at=1763752861.123456, rule="")
    await store.commit(commit_of(run, 1, uses=[strange, use(run, 2, at=1763752862.5)]))
    head = (await store.audit.verify("default")).head
    assert str(head) == HEAD


HEAD = "2:5d6ac17bcb68e4db5b2e0084c2c328055adab11109e59c06e0023d5796127d37"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE audit SET decision = 'allow' WHERE seq = 3", [("changed", 3)]),
        ("UPDATE audit SET failed = 1 WHERE seq = 3", [("changed", 3)]),
        ("UPDATE owners SET user_id = 'mallory'", [("changed", n) for n in range(1, 6)]),
        ("UPDATE audit SET at = 1 WHERE seq = 3", [("removed", 3), ("added", 0)]),
        ("DELETE FROM audit WHERE seq = 3", [("removed", 3)]),
        ("DELETE FROM audit_links WHERE n = 3", [("removed", 3), ("added", 0)]),
        ("UPDATE audit_links SET seal = (SELECT seal FROM audit_links WHERE n = 1) WHERE n = 3",
         [("relinked", 3), ("changed", 3), ("relinked", 4)]),
        ("UPDATE audit_links SET erased_by = 'somebody' WHERE n = 3", []),
    ],
)  # fmt: skip
async def test_what_is_done_behind_its_back_is_found(store: Store, change: str, found: list[tuple[str, int]]) -> None:
    await used(store)
    await behind(store, change)
    assert kinds(await store.audit.verify("default")) == found


async def test_a_row_cannot_be_passed_off_as_erased(store: Store) -> None:
    await used(store)
    assert await store.audit.erase(ALL, before=102.5, by="admin") == 2
    await behind(store, "DELETE FROM audit WHERE seq = 4")
    await behind(store, "UPDATE audit_links SET erased_by = (SELECT min(erased_by) FROM audit_links) WHERE n = 4")
    assert [fault.kind for fault in (await store.audit.verify("default")).faults] == ["removed"]


async def test_an_end_that_was_cut_off_is_found_by_who_noted_it_down(store: Store) -> None:
    await used(store)
    head = (await store.audit.verify("default")).head
    assert (await store.audit.verify("default", known=Link.parse(str(head)))).ok
    await used(store)
    assert (await store.audit.verify("default", known=head)).ok
    await behind(store, "DELETE FROM audit_links WHERE n > 4")
    await behind(store, "DELETE FROM audit WHERE NOT EXISTS (SELECT 1 FROM audit_links WHERE "
                        "audit.run_id = audit_links.run_id AND audit.seq = audit_links.seq)")  # fmt: skip
    assert (await store.audit.verify("default")).ok
    assert kinds(await store.audit.verify("default", known=head)) == [("unknown", 5)]
    await used(store)
    assert kinds(await store.audit.verify("default", known=head)) == [("unknown", 5)]


@pytest.mark.parametrize("text", ["", "5", "5:ab", "x:" + "a" * 64, "5:" + "g" * 64, "-1:" + "a" * 64])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="link"):
        Link.parse(text)


async def test_a_commit_that_is_refused_or_comes_twice_leaves_no_link(store: Store) -> None:
    run = await begin(store)
    commit = commit_of(run, 1, uses=[use(run, 1)])
    await store.commit(commit)
    await store.commit(commit)
    proof = await store.audit.verify("default")
    assert (proof.ok, proof.rows, proof.head.n) == (True, 1, 1)


async def test_it_holds_after_a_thread_is_deleted(store: Store) -> None:
    run = await used(store)
    await store.commit(commit_of(run, 2, run=RunChange(status="finished")))
    before = await store.audit.verify("default")
    await store.threads.delete(LOCAL, run.thread_id)
    assert await store.audit.verify("default", known=before.head) == before


async def test_erasing_leaves_hashes_and_says_so(store: Store) -> None:
    await used(store)
    await used(store, user_id="ada")
    assert await store.audit.erase(Scope("default", "ada"), before=1e12, by="admin") == 5
    assert await store.audit.erase(ALL, before=103.5, by="admin") == 3
    assert await store.audit.erase(ALL, before=103.5, by="admin") == 0
    assert await store.audit.erase(Scope("other"), before=1e12) == 0
    left = await store.audit.list(ALL, Page(newest=False))
    assert [(row.user_id, row.decision, row.rule) for row in left[2:]] == [
        ("admin", "erase", "5 rows of ada"),
        ("admin", "erase", "3 rows"),
    ]
    proof = await store.audit.verify("default")
    assert (proof.ok, proof.rows, proof.erased, proof.head.n) == (True, 4, 8, 12)


async def test_many_writers_make_one_chain(open_shared: Open) -> None:
    stores = [await open_shared() for _ in range(3)]

    async def work(store: Store, user: str) -> None:
        runs = [await begin(store, user_id=user, workspace=f"w{n % 2}") for n in range(6)]
        for seq in range(1, 11):
            commits = [store.commit(commit_of(run, seq, uses=[use(run, seq)])) for run in runs]
            await asyncio.gather(*commits)

    await asyncio.gather(*(work(store, f"u{n}") for n, store in enumerate(stores)))
    for workspace in ("w0", "w1"):
        proof = await stores[0].audit.verify(workspace)
        assert (proof.faults, proof.rows, proof.head.n) == ((), 90, 90)
