"""What every store promises of permission: the audit of tool calls, and the versions of a policy."""

from typing import Any

import msgspec
import pytest

from tests.storage.samples import LOCAL, begin, commit_of
from weft.errors import Conflict, Fenced, UsageError
from weft.storage import Store
from weft.storage.audit_rows import place_of_use
from weft.storage.base import Page, RunChange, RunRecord, Scope, UseRow

ALL = Scope("default")


def use(run: RunRecord, seq: int, **more: Any) -> UseRow:
    plain: dict[str, Any] = {"at": 100.0 + seq, "agent": "desk", "tool": "pay", "call_id": f"c{seq}", "effect": "once"}
    plain |= {"decision": "ask", "rule": "r", "answer": "approve", "sources": "inbox\nweb", "duration": 5}
    plain |= {"arguments": b"a" * 32, "result": b"r" * 32, "user_id": run.user_id}
    return UseRow(seq=seq, run_id=run.id, **{**plain, **more})


async def test_uses_come_in_with_their_commit(store: Store) -> None:
    run = await begin(store)
    rows = [use(run, 1), use(run, 2, decision="deny", result=None, failed=True, answer="")]
    await store.commit(commit_of(run, 1, uses=rows))
    assert list(await store.audit.list(ALL, Page())) == rows[::-1]
    assert list(await store.audit.list(ALL, Page(newest=False))) == rows


async def test_a_commit_that_comes_twice_or_is_refused_adds_nothing(store: Store) -> None:
    run = await begin(store)
    commit = commit_of(run, 1, uses=[use(run, 1)])
    await store.commit(commit)
    await store.commit(commit)
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 2, fence=run.fence - 1, uses=[use(run, 2)]))
    assert [row.seq for row in await store.audit.list(ALL, Page())] == [1]


async def test_pages_and_filters(store: Store) -> None:
    one, two = await begin(store), await begin(store, user_id="ada")
    await store.commit(commit_of(one, 1, uses=[use(one, seq, at=100.0) for seq in range(1, 6)]))
    await store.commit(commit_of(two, 1, uses=[use(two, 1, at=100.0), use(two, 2, tool="look", decision="allow")]))
    for newest in (True, False):
        found: list[UseRow] = []
        cursor = None
        while page := await store.audit.list(ALL, Page(3, cursor, newest=newest)):
            found += page
            cursor = place_of_use(page[-1])
        assert len({(row.run_id, row.seq) for row in found}) == len(found) == 7
        assert sorted(found, key=lambda row: (row.at, row.run_id, row.seq), reverse=newest) == found

    async def seqs(**filters: Any) -> list[int]:
        return [row.seq for row in await store.audit.list(filters.pop("scope", ALL), Page(), **filters)]

    assert await seqs(run_id=two.id) == [2, 1]
    assert await seqs(tool="look") == await seqs(decision="allow") == await seqs(since=101.0) == [2]
    assert await seqs(until=100.0) == []
    assert await seqs(scope=LOCAL, run_id=two.id) == []
    assert await seqs(scope=Scope("default", "ada")) == [2, 1]
    assert await seqs(scope=Scope("other")) == []


@pytest.mark.parametrize("cursor", ["", "1.0", "nan:run:1", "1.0:run:x", "1.0:run:-1", "1.0:run:99999999999999999999"])
async def test_a_cursor_of_ones_own_making_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        await store.audit.list(ALL, Page(3, cursor))


async def test_it_outlives_the_thread(store: Store) -> None:
    run = await begin(store)
    await store.commit(commit_of(run, 1, uses=[use(run, 1)], run=RunChange(status="finished")))
    await store.threads.delete(LOCAL, run.thread_id)
    assert list(await store.audit.list(LOCAL, Page(), run_id=run.id)) == [use(run, 1)]


async def test_policies_are_kept_apart_from_routers(store: Store) -> None:
    assert await store.policies.newest("default", "tools") is None
    first = await store.policies.put("default", "tools", b"{}", expected=0)
    assert await store.policies.newest("default", "tools") == first
    assert await store.routers.newest("default", "tools") is None
    with pytest.raises(Conflict, match="policy 'tools' is at version 1"):
        await store.policies.put("default", "tools", b"[]", expected=0)


async def test_a_use_in_no_run_is_sealed_like_any_other(store: Store) -> None:
    run = await begin(store)
    await store.commit(commit_of(run, 1, uses=[use(run, 1)]))
    alone = msgspec.structs.replace(use(run, 0), run_id="trial_1", at=200.0, user_id="eve", result=None)
    await store.audit.add(Scope("default", "eve"), alone)
    assert (await store.audit.list(ALL, Page()))[0] == alone
    assert list(await store.audit.list(Scope("default", "eve"), Page())) == [alone]
    proof = await store.audit.verify("default")
    assert (proof.ok, proof.rows) == (True, 2)
