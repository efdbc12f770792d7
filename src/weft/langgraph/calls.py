"""Functions that a node calls as tasks of their own: with a record, retries and answers of their own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from inspect import signature
from typing import Any

from msgspec import Struct

from weft.engine.attempt import attempt
from weft.engine.context import Context, Interrupted
from weft.engine.graph import Graph, Node, State, Update
from weft.engine.policy import Policy
from weft.engine.step import Activation
from weft.errors import NodeTimeout
from weft.langgraph.builder import retries
from weft.langgraph.calling import applied, asks, given_to
from weft.langgraph.chat import within
from weft.langgraph.current import Task, task
from weft.langgraph.declared import Retries
from weft.langgraph.state import AnyLast
from weft.langgraph.words import CachePolicy, TimeoutPolicy, seconds

RETURN = "__return__"


class Calling(Struct, frozen=True):
    """A function that can be called as a task."""

    func: Callable[..., Any]
    name: str
    identity: str
    retry: Retries
    cache: CachePolicy | None
    timeout: TimeoutPolicy | None


class Awaited(Future[Any]):
    """What a task will give: for threads, and for the loop."""

    def __await__(self) -> Any:
        return asyncio.wrap_future(self).__await__()


def called_as_task(what: Calling, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Begin a task from within a node: what it will give."""
    caller = task()
    with caller.lock:
        number, caller.called = caller.called, caller.called + 1
    work = _called(what, caller, f"{caller.activation}/{number}:{what.name}", args, kwargs)
    if _loop() is caller.loop:
        return _begun(caller, work)
    future = Awaited()

    def begin() -> None:
        _begun(caller, work).add_done_callback(lambda done: _passed(done, future))

    caller.loop.call_soon_threadsafe(begin)
    return future


def _loop() -> asyncio.AbstractEventLoop | None:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def _begun(caller: Task, work: Any) -> asyncio.Task[Any]:
    begun: asyncio.Task[Any] = caller.loop.create_task(work)
    caller.running.append(begun)
    begun.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return begun


def _passed(done: asyncio.Task[Any], future: Awaited) -> None:
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


async def _called(what: Calling, caller: Task, id: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    run = caller.run
    if (known := run.point.done.get(id)) is not None:
        return known.writes[RETURN]
    uid = run.id_of(id)
    namespace = f"{caller.config['configurable']['checkpoint_ns']}|{what.name}:{uid}"
    path = ("__pregel_push", caller.config["metadata"].get("langgraph_path", ()), 0, True)
    here = run.task(id, uid, what.name, namespace, {"langgraph_triggers": ("__pregel_push",), "langgraph_path": path})
    run.tasks[id] = here
    run.tell.started(run.point, uid, what.name, (tuple(args), kwargs), ("__pregel_push",))
    kept, cached = _kept(what, run, args, kwargs), True
    if kept is None:
        cached = False
        try:
            kept = await attempt(_graph(what, here, args, kwargs), {}, Activation(id, what.name), run)
        except Interrupted as asked:
            raise run.ask(here, asked, inside=True) from None
        except NodeTimeout as error:
            raise run.late(Activation(id, what.name), error, what.timeout) from error
        _keep(what, run, args, kwargs, kept)
    run.finish(id, kept)
    run.tell.finished(run.point, what.name, kept, here, cached=cached)
    return kept.writes[RETURN]


def _graph(what: Calling, here: Task, args: Sequence[Any], kwargs: dict[str, Any]) -> Graph:
    """The call as a node of the engine, so that it is retried and limited as one."""

    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        with here.run.within(here), within(here.config):
            more = given_to(_wanted(what, args, kwargs), here)
            return Update({RETURN: await applied(what.func, args, {**more, **kwargs})})

    limit = what.timeout
    policy = Policy(
        retry=retries(what.retry),
        timeout=None if limit is None else seconds(limit.run_timeout),
        idle=None if limit is None else seconds(limit.idle_timeout),
    )
    node = Node(name=what.name, run=run, policy=policy)
    channels = {RETURN: AnyLast(RETURN)}
    return Graph(what.name, channels=channels, nodes=[node], enter=lambda given: given, leave=lambda state: state)


def _wanted(what: Calling, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[str, ...]:
    wanted = asks(what.func, skip=0)
    if not wanted:
        return ()
    bound = signature(what.func).bind_partial(*args, **kwargs).arguments
    return tuple(name for name in wanted if name not in bound)


def _key(what: Calling, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return None if what.cache is None else ("task", what.identity, what.cache.key_func(*args, **kwargs))


def _kept(what: Calling, run: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Update | None:
    key = _key(what, args, kwargs)
    if key is None or run.shared.cache is None:
        return None
    found = run.shared.cache.kept.get(key)
    return None if found is None or found[0] <= time.time() else Update({RETURN: found[1]})


def _keep(what: Calling, run: Any, args: Sequence[Any], kwargs: dict[str, Any], update: Update) -> None:
    if what.cache is None or run.shared.cache is None:
        return
    until = float("inf") if what.cache.ttl is None else time.time() + what.cache.ttl
    run.shared.cache.kept[_key(what, args, kwargs)] = (until, update.writes[RETURN])
