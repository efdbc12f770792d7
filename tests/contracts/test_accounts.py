"""What every store promises of money: the ledger, and budgets that are exact however many reserve at once."""

import asyncio
import random
from typing import Any

import pytest

from tests.conftest import Open
from tests.storage.samples import LOCAL, commit_of, no_job, record
from weft.errors import Fenced
from weft.runtime.budgets import Budget, allowance
from weft.storage import Store
from weft.storage.accounts import NANO, CallRow, Reservation, Tally
from weft.storage.base import RunChange, RunRecord, Scope

DAY = 86_400.0
NOON = 1_763_726_400.0  # 2025-11-21T12:00Z


def a_call(seq: int = 1, **values: Any) -> CallRow:
    plain = {"at": NOON, "agent": "desk", "model": "m", "input_tokens": 10, "output_tokens": 5, "nanos": 1_000}
    return CallRow(seq=seq, **{**plain, **values})


async def a_run(store: Store, **values: Any) -> RunRecord:
    """A run that this test drives, as worker "w"."""
    await store.workers.beat("w")
    made = await store.runs.create(record(**values), no_job, worker="w")
    assert made.status == "running"
    return made


def wanted(run: RunRecord, id: str, *budgets: Budget, nanos: int = 0, tokens: int = 0, at: float = NOON) -> Reservation:
    subjects = {"run": run.id, "thread": run.thread_id, "user": run.user_id, "workspace": ""}
    under = tuple([allowance(budget.row(), subjects[budget.of], at) for budget in budgets])
    return Reservation(
        id=id, workspace=run.workspace, run_id=run.id, fence=run.fence, nanos=nanos, tokens=tokens, under=under
    )


async def tally(store: Store, budget: Budget, subject: str = "", at: float = NOON) -> Tally:
    return await store.budgets.used("default", allowance(budget.row(), subject, at))


async def test_calls_are_summed_by_what_one_asks_for(store: Store) -> None:
    one, two = await a_run(store, thread_id="t1"), await a_run(store, thread_id="t2", user_id="ada")
    await store.commit(
        commit_of(
            one,
            1,
            calls=[
                a_call(1, duration=100, first_piece=20),
                a_call(2, at=NOON + DAY, model="n", nanos=None, cached_tokens=3, first_piece=40, duration=50),
            ],
        )
    )
    await store.commit(
        commit_of(
            two, 1, calls=[a_call(1, nanos=5, agent="aide"), a_call(2, nanos=None, error="model", input_tokens=0)]
        )
    )

    async def sums(*by: Any, **filters: Any) -> Any:
        return [
            (*row.key, row.calls, row.nanos, row.failed, row.unpriced)
            for row in await store.ledger.sums(filters.pop("scope", LOCAL_ALL), by, **filters)
        ]

    assert await sums() == [(4, 1_005, 1, 1)]
    assert await sums("model") == [("m", 3, 1_005, 1, 0), ("n", 1, None, 0, 1)]
    assert await sums("user") == [("ada", 2, 5, 1, 0), ("local", 2, 1_000, 0, 1)]
    assert await sums("thread", "agent") == [
        ("t1", "desk", 2, 1_000, 0, 1),
        ("t2", "aide", 1, 5, 0, 0),
        ("t2", "desk", 1, None, 1, 0),
    ]
    assert await sums("run") == sorted([(one.id, 2, 1_000, 0, 1), (two.id, 2, 5, 1, 0)])
    assert await sums("day") == [("2025-11-21", 3, 1_005, 1, 0), ("2025-11-22", 1, None, 0, 1)]
    assert await sums("hour", since=NOON + DAY) == [("2025-11-22T12", 1, None, 0, 1)]
    assert await sums("month", until=NOON + 1) == [("2025-11", 3, 1_005, 1, 0)]
    assert await sums("workspace", "error") == [("default", "", 3, 1_005, 0, 1), ("default", "model", 1, None, 1, 0)]
    assert await sums("model", only={"user": "ada", "agent": "aide"}) == [("m", 1, 5, 0, 0)]
    assert await sums("model", only={"thread": "t1", "run": one.id}) == [
        ("m", 1, 1_000, 0, 0),
        ("n", 1, None, 0, 1),
    ]
    assert await sums("model", scope=LOCAL) == [("m", 1, 1_000, 0, 0), ("n", 1, None, 0, 1)]
    assert await sums(scope=Scope("elsewhere")) == []
    (row,) = await store.ledger.sums(LOCAL, (), until=NOON + 2 * DAY)
    assert (row.input_tokens, row.output_tokens, row.cached_tokens, row.duration, row.first_piece) == (
        20,
        10,
        3,
        150,
        30.0,
    )


LOCAL_ALL = Scope("default")


async def test_a_commit_that_comes_again_counts_once_and_a_foreign_one_not_at_all(store: Store) -> None:
    run = await a_run(store)
    await store.commit(commit_of(run, 1, calls=[a_call()]))
    await store.commit(commit_of(run, 1, calls=[a_call()]))
    assert [row.calls for row in await store.ledger.sums(LOCAL_ALL, ())] == [1]
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 1, fence=run.fence + 1, calls=[a_call(7)]))
    assert [row.calls for row in await store.ledger.sums(LOCAL_ALL, ())] == [1]


async def test_of_a_deleted_thread_sums_are_left_that_do_not_name_it(store: Store) -> None:
    run, other = await a_run(store, thread_id="t1"), await a_run(store, thread_id="t2")
    for each in (run, other):
        at = each.created_at
        calls = [a_call(1, at=at), a_call(2, at=at), a_call(3, at=at, nanos=None), a_call(4, at=at, model="n")]
        await store.commit(commit_of(each, 1, calls=calls, run=RunChange(status="finished")))
    before = await store.ledger.sums(LOCAL_ALL, ("model", "user", "day"))
    budget = Budget("thread", tokens=100, subject="t1")
    await store.budgets.set("default", budget.row())
    await store.threads.delete(LOCAL, "t1")
    assert await store.ledger.sums(LOCAL_ALL, ("model", "user", "day")) == before
    assert {row.key for row in await store.ledger.sums(LOCAL_ALL, ("thread", "run"))} == {("", ""), ("t2", other.id)}
    assert await store.budgets.list("default") == []
    await store.threads.delete(LOCAL, "t2")
    assert await store.ledger.sums(LOCAL_ALL, ("model", "user", "day")) == before
    assert {row.key for row in await store.ledger.sums(LOCAL_ALL, ("thread", "run"))} == {("", "")}


async def test_budgets_are_kept_by_kind_subject_and_period(store: Store) -> None:
    first, second = Budget("user", usd=5, per="day"), Budget("user", usd=9, per="day", subject="ada")
    for budget in (first, second, Budget("user", usd=6, tokens=7, per="day", unpriced="allow")):
        await store.budgets.set("default", budget.row())
    found = await store.budgets.list("default")
    assert [(row.subject, row.nanos, row.tokens, row.unpriced) for row in found] == [
        ("", 6 * NANO, 7, "allow"),
        ("ada", 9 * NANO, None, "refuse"),
    ]
    assert await store.budgets.list("elsewhere") == []
    assert not await store.budgets.remove("elsewhere", first.row())
    assert await store.budgets.remove("default", first.row())
    assert not await store.budgets.remove("default", first.row())
    assert [row.subject for row in await store.budgets.list("default")] == ["ada"]


async def test_what_is_reserved_is_settled_with_what_it_cost(store: Store) -> None:
    run = await a_run(store)
    day, total = Budget("user", usd=100 / NANO, per="day"), Budget("workspace", tokens=1_000)
    assert await store.budgets.reserve(wanted(run, "h1", day, total, nanos=60, tokens=600), 30) is None
    short = await store.budgets.reserve(wanted(run, "h2", total, day, nanos=60, tokens=10), 30)
    assert short is not None
    assert (short.allowance.budget, short.tally) == (day.row(), Tally(held_nanos=60, held_tokens=600))
    assert await tally(store, total) == Tally(held_nanos=60, held_tokens=600), "of all or of none"
    calls = [a_call(nanos=25, reservation="h1")]
    for _ in range(2):
        await store.commit(commit_of(run, 1, calls=calls))
        assert await tally(store, day, "local") == Tally(nanos=25, tokens=15)
        assert await tally(store, total) == Tally(nanos=25, tokens=15)
    assert await store.budgets.reserve(wanted(run, "h3", day, nanos=75), 30) is None
    later = wanted(run, "h4", day, nanos=100, at=NOON + DAY)
    assert await store.budgets.reserve(later, 30) is None, "a new day"


async def test_a_failed_call_gives_back_and_one_of_unknown_cost_keeps_all(store: Store) -> None:
    run, budget = await a_run(store), Budget("run", usd=1)
    for id in ("h1", "h2"):
        assert await store.budgets.reserve(wanted(run, id, budget, nanos=100, tokens=9), 30) is None
    await store.commit(
        commit_of(
            run, 1, calls=[a_call(1, error="model", nanos=None, input_tokens=0, output_tokens=0, reservation="h1")]
        )
    )
    assert await tally(store, budget, run.id) == Tally(held_nanos=100, held_tokens=9)
    await store.commit(commit_of(run, 2, calls=[a_call(2, nanos=None, reservation="h2")]))
    assert await tally(store, budget, run.id) == Tally(nanos=100, tokens=15)


async def test_a_new_budget_knows_what_was_spent_before(store: Store) -> None:
    run, other = await a_run(store), await a_run(store, user_id="ada")
    await store.commit(commit_of(run, 1, calls=[a_call(1), a_call(2, at=NOON - DAY, nanos=None)]))
    await store.commit(commit_of(other, 1, calls=[a_call(1, nanos=7)]))
    spent = {"user": 1_000, "run": 1_000, "thread": 1_000, "workspace": 1_007}
    for of, nanos in spent.items():
        budget = Budget(of, usd=1, per="total" if of == "run" else "day")  # pyright: ignore
        assert await store.budgets.reserve(wanted(run, f"h{of}", budget), 30) is None
        subject = {"user": "local", "run": run.id, "thread": run.thread_id, "workspace": ""}[of]
        tokens = {"run": 30, "workspace": 30}.get(of, 15)
        assert await tally(store, budget, subject) == Tally(nanos=nanos, tokens=tokens), of


async def test_what_dead_runs_hold_is_given_back_when_it_is_needed(store: Store) -> None:
    budget = Budget("workspace", tokens=100)
    ended, living = await a_run(store), await a_run(store)
    lost = await store.runs.create(record(), no_job, worker="gone")
    await store.workers.beat("gone")
    lost = await store.runs.get(LOCAL, lost.id)
    for id, run in (("h1", ended), ("h2", living), ("h3", lost)):
        assert await store.budgets.reserve(wanted(run, id, budget, tokens=30), 30) is None
    assert await store.budgets.reserve(wanted(living, "h4", budget, tokens=30), 30) is not None, "all of them live"
    await store.commit(commit_of(ended, 1, run=RunChange(status="failed")))
    assert await store.budgets.reserve(wanted(living, "h5", budget, tokens=40), 30) is None
    assert await tally(store, budget) == Tally(held_tokens=100)
    await store.workers.gone("gone")
    assert await store.budgets.reserve(wanted(living, "h6", budget, tokens=30), 30) is None
    assert await tally(store, budget) == Tally(held_tokens=100)
    await store.commit(commit_of(living, 1, calls=[a_call(reservation="h5")]))
    assert await tally(store, budget) == Tally(nanos=1_000, tokens=15, held_tokens=60)


async def test_never_overspent_and_nothing_lost_with_many_at_once(open_shared: Open) -> None:
    """200 runs on two stores, three budgets of each call, calls that succeed, fail or die; sums to the last token."""
    stores = [await open_shared(), await open_shared()]
    money, users, total = (
        Budget("workspace", usd=3_000 / NANO),
        Budget("user", tokens=2_500, per="day"),
        Budget("workspace", tokens=9_000, per="day"),
    )
    for store in stores:
        await store.workers.beat("w")
    dice = random.Random(7)
    spent: dict[str, int] = {"nanos": 0}
    died: list[str] = []

    async def go(number: int) -> None:
        store, user, seq = stores[number % 2], f"user{number % 5}", 0
        run = await store.runs.create(record(user_id=user), no_job, worker="w")
        await asyncio.sleep(0)
        for turn in range(1, 5):
            nanos, tokens = dice.randint(1, 40), dice.randint(1, 90)
            id = f"{number}/{turn}"
            short = await store.budgets.reserve(wanted(run, id, money, users, total, nanos=nanos, tokens=tokens), 30)
            if short is not None:
                continue
            fate = dice.random()
            if fate < 0.1:
                died.append(id)
                continue
            used = CallRow(
                seq=turn, at=NOON, agent="a", model="m", input_tokens=0,
                output_tokens=0 if fate < 0.3 else dice.randint(0, tokens),
                nanos=None if fate < 0.3 else dice.randint(0, nanos),
                error="model" if fate < 0.3 else None, reservation=id,
            )  # fmt: skip
            seq += 1
            await store.commit(commit_of(run, seq, calls=[used]))
            spent["nanos"] += used.nanos or 0
            spent[user] = spent.get(user, 0) + used.output_tokens
        await store.commit(commit_of(run, seq + 1, run=RunChange(status="finished")))

    await asyncio.gather(*[go(number) for number in range(200)])
    store = stores[0]
    tokens = sum(value for name, value in spent.items() if name != "nanos")
    assert died
    for one, subject, limit in (
        (money, "", 3_000),
        *[(users, f"user{n}", 2_500) for n in range(5)],
        (total, "", 9_000),
    ):
        found = await tally(store, one, subject)
        assert found.nanos == spent["nanos"] or one is users
        assert found.tokens == (tokens if one is not users else spent[subject])
        assert (found.nanos if one is money else found.tokens) <= limit
    (row,) = await store.ledger.sums(LOCAL_ALL, ())
    assert (row.nanos, row.output_tokens) == (spent["nanos"], tokens)
    run = await a_run(store)
    assert await store.budgets.reserve(wanted(run, "more", money, total, nanos=10**9, tokens=10**9), 30) is not None
    for one in (money, total):
        found = await tally(store, one)
        assert (found.held_nanos, found.held_tokens) == (0, 0), "what died with its run is given back"


async def test_a_call_apart_is_in_the_ledger_and_used_of_the_workspaces_budgets(store: Store) -> None:
    day, total, ada = Budget("workspace", usd=1, per="day"), Budget("workspace", usd=1), Budget("user", usd=1)
    await a_run(store)
    before = await tally(store, day)
    await store.ledger.apart("default", a_call())
    await store.ledger.apart("default", a_call(error="model.unavailable", nanos=None, output_tokens=0))
    assert before == Tally()
    assert await tally(store, day) == Tally(nanos=1_000, tokens=25), "one that was counted already"
    assert await tally(store, total) == Tally(nanos=1_000, tokens=25), "one that is made only now"
    assert await tally(store, day, at=NOON - DAY) == Tally(nanos=1_000, tokens=25), "all since then"
    assert await tally(store, ada, subject="ada") == Tally()
    (row,) = await store.ledger.sums(Scope("default"), ("agent", "user", "run"))
    assert (row.key, row.calls, row.failed, row.nanos) == (("desk", "", ""), 2, 1, 1_000)
