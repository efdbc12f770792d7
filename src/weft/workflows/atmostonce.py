"""A node that happens at most once: what is said to have come of it counts as what it returned."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from weft.engine.channels import Channel
from weft.engine.context import Context
from weft.engine.graph import NodeFn, State, Update
from weft.runtime.effects import Once
from weft.workflows.nodes import update_of
from weft.workflows.schema import typed

Reconcile: TypeAlias = Callable[[Context[Any], Any], Any]
"""Given the context and the state (or the payload of a ``Send``) of a node that may or may not have run."""


def at_most_once(name: str, run: NodeFn, known: Mapping[str, Channel], reconcile: Reconcile | None) -> NodeFn:
    """The node, never silently run a second time."""

    async def guarded(state: State, payload: Any, ctx: Context[Any]) -> Update:
        async def reconciled() -> Any:
            assert reconcile is not None
            found = reconcile(ctx, state if payload is None else payload)
            return await found if inspect.isawaitable(found) else found

        given = payload if payload is not None else dict(state)
        once = Once(ctx, name, given, reconcile=reconciled if reconcile else None, asks=False)
        came = await once.run(lambda: run(state, payload, ctx))
        if isinstance(came, Update):
            return came
        update = await update_of(came, known, name)
        writes = {
            key: typed(value, known[key].takes) if key in known else value for key, value in update.writes.items()
        }
        return Update(writes, update.sends, update.goto)

    return guarded
