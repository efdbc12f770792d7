"""Tools without an agent: what they are, and one call of one, on the path that an agent's call takes."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from weft import events
from weft.agents.acting import act
from weft.agents.permitting import Permit, permit_of
from weft.agents.unheld import Unheld
from weft.engine.channels import LastValue
from weft.engine.context import Context
from weft.engine.graph import Graph, Node, State, Update
from weft.errors import NotFound
from weft.ids import new_id
from weft.messages import Json, ToolCall, ToolResult
from weft.runtime.conversation import Context as Seen
from weft.runtime.limits import Limits
from weft.runtime.result import Result
from weft.runtime.run import Runnable
from weft.security.policy import Policy
from weft.storage.base import Scope, Store, UseRow
from weft.tools.base import Tool, ToolSet
from weft.tools.vault import lent


class Bench(Struct, frozen=True, kw_only=True):
    """Where tools are tried: whose secrets they get, and whose audit says so."""

    store: Store
    workspace: str = "default"
    user: str = "local"


class _Trial(Runnable[Any, Any]):
    """A graph of one node, run in memory: nothing of it is stored."""

    name = "tools"

    def __init__(self, node: Any, bench: Bench | None) -> None:
        self._node, self._bench = node, bench

    def graph(self) -> Graph:
        return Graph(
            self.name,
            channels={"found": LastValue(object)},
            nodes=[Node(name="act", run=self._run)],
            enter=lambda given: Update(goto=("act",)),
            leave=lambda state: state["found"],
        )

    async def _run(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        bench = self._bench
        with lent(None if bench is None else bench.store, "" if bench is None else bench.workspace):
            return Update({"found": await self._node(ctx)})


async def members(tools: ToolSet, bench: Bench | None = None) -> Sequence[Tool]:
    """The tools of a set, as a run would have them."""
    return (await _Trial(tools.tools, bench).run(None)).output


async def tried(
    tools: ToolSet,
    name: str,
    arguments: Json,
    *,
    deps: Any = None,
    policy: Policy | None = None,
    bench: Bench | None = None,
) -> Result[ToolResult]:
    """Call one tool: its result, a failure in words too; ``paused`` where it asks a person first.

    ``name`` may be left empty where the set has one tool. What the ``policy`` denies is not called; at a ``bench`` what
    it judged is in the audit, and without one what is not only read.

    Raises:
        NotFound: there is no such tool in the set.
    """
    judged: list[tuple[Permit, ToolCall]] = []

    async def call(ctx: Context[Any]) -> ToolResult:
        known = {each.name: each for each in await tools.tools(ctx)}
        wanted = name or (next(iter(known)) if len(known) == 1 else "")
        if wanted not in known:
            raise NotFound(f"there is no tool {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
        permit = await permit_of(policy, Seen(), ctx, agent="", instructions="", limits=Limits())
        permit = permit or (None if bench is None else Unheld())
        made = ToolCall(new_id("call"), wanted, arguments)
        if permit is not None:
            judged.append((permit, made))
        return await act(known, (), made, ctx, permit)

    began = events.now()
    done = await _Trial(call, bench).run(None, deps=deps)
    if bench is not None:
        for permit, made in judged:
            await _audited(bench, permit, made, None if done.paused else done.output, began)
    return done


async def _audited(bench: Bench, permit: Permit, call: ToolCall, result: ToolResult | None, began: float) -> None:
    """In the audit, though in no run."""
    found, at = permit.judgement(result), events.now()
    if found is None:
        return
    use = UseRow(
        seq=0,
        at=at,
        run_id=new_id("trial"),
        agent="",
        tool=call.name,
        call_id=call.id,
        effect=found.effect,
        decision=found.decision,
        rule=found.rule,
        answer=found.answer,
        sources="\n".join(found.sources),
        arguments=bytes.fromhex(found.arguments),
        result=None if found.result is None else bytes.fromhex(found.result),
        failed=result is not None and result.failed,
        duration=max(0, round((at - began) * 1000)),
    )
    await bench.store.audit.add(Scope(bench.workspace, bench.user), use)
