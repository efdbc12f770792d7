"""What was reserved for a model call is settled in the commit that ends it: given back, and what it cost is used."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.sql.type_api import TypeEngine

from weft.storage.accounts import CallRow
from weft.storage.query import Query
from weft.storage.tables import reservations, tallies

_NUMBER = BigInteger()
SETTLING: dict[str, TypeEngine[Any]] = {"i": _NUMBER, "id": Text(), "nanos": _NUMBER, "tokens": _NUMBER}
"""What PostgreSQL is told of each: the commit's place in the batch, then what ``settlement`` says."""
SETTLED = ("parent", "owner", "id", "nanos", "tokens")
"""The same for SQLite."""


def settlement(call: CallRow) -> tuple[Any, ...]:
    """What a call used of its reservation: all of it where nobody knows what it cost, nothing where it failed."""
    failed = call.error is not None
    tokens = call.input_tokens + call.output_tokens
    return call.reservation, 0 if failed else call.nanos, tokens


def _parameter(name: str) -> ColumnElement[Any]:
    return bindparam(f"p_{name}", type_=SETTLING[name])


_r, _t = reservations.c, tallies.c
SETTLE = Query(
    update(tallies)
    .where(_r.id == _parameter("id"), _t.n == _r.tally)
    .values(
        nanos=_t.nanos + func.coalesce(_parameter("nanos"), _r.nanos),
        tokens=_t.tokens + _parameter("tokens"),
        held_nanos=_t.held_nanos - _r.nanos,
        held_tokens=_t.held_tokens - _r.tokens,
    )
)
GIVE_BACK = Query(delete(reservations).where(_r.id == _parameter("id")))


def settling(ok: CTE, rows: FromClause) -> CTE:
    """Both for many at once, in a statement of PostgreSQL; for commits in ``ok`` only.

    One tally may be meant by many of them: it is changed once, by their sum. Tallies are locked in the
    order of their numbers, by all who lock them.
    """
    gone = (
        delete(reservations)
        .where(_r.id == rows.c.id, rows.c.i == ok.c.i)
        .returning(
            _r.tally,
            _r.nanos.label("held_nanos"),
            _r.tokens.label("held_tokens"),
            func.coalesce(rows.c.nanos, _r.nanos).label("nanos"),
            rows.c.tokens.label("tokens"),
        )
        .cte("settled")
    )
    names = ("nanos", "tokens", "held_nanos", "held_tokens")
    sums = [func.sum(gone.c[name]).cast(_NUMBER).label(name) for name in names]
    summed = select(gone.c.tally, *sums).group_by(gone.c.tally).cte("sums")
    locked = select(_t.n).where(_t.n.in_(select(gone.c.tally))).order_by(_t.n).with_for_update().cte("locked")
    return (
        update(tallies)
        .where(_t.n == summed.c.tally, _t.n == locked.c.n)
        .values(
            nanos=_t.nanos + summed.c.nanos,
            tokens=_t.tokens + summed.c.tokens,
            held_nanos=_t.held_nanos - summed.c.held_nanos,
            held_tokens=_t.held_tokens - summed.c.held_tokens,
        )
        .cte("settle")
    )
