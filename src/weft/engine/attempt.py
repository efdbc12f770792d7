"""One activation as its policy says: time limits, cache, circuit breaker, retries, and what takes its place."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.engine.context import Context, Interrupted, heard, instead, joined
from weft.engine.graph import Graph, Leaving, Node, Send, Update
from weft.engine.policy import Failure, Policy
from weft.engine.step import Activation
from weft.errors import NodeTimeout, WeftError

BEAT: ContextVar[Callable[[], None] | None] = ContextVar("weft.beat", default=None)
"""Who waits for signs of life, in a node with an idle limit and in everything below it."""

NOTHING_DONE = Update()


class Told(Protocol):
    """Who is told of attempts."""

    def context(self, activation: Activation) -> Context[Any]: ...

    def started(self, activation: Activation, attempt: int) -> None: ...

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None: ...

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None: ...


async def attempt(graph: Graph, state: Mapping[str, Any], activation: Activation, told: Told) -> Update:
    """Run one activation until it is done or given up.

    Raises:
        Exception: what the last attempt raised, where nothing takes its place.
    """
    node = graph.nodes[activation.node]
    number = 1
    while True:
        told.started(activation, number)
        try:
            context = told.context(activation)
            if (beat := BEAT.get()) is not None:
                beat()
                context = heard(context, beat)
            if graph.guarded and node.name in graph.guarded:
                update = await _guarded(graph, node, state, activation.payload, context)
            else:
                update = await node.run(state, activation.payload, context)
            graph.check(activation.node, update)
            return update
        except Leaving:
            told.finished(activation, NOTHING_DONE, alone=True)
            raise
        except Exception as error:
            retry = node.policy.retrying(error, number)
            told.failed(activation, error, number, retrying=retry is not None)
            if retry is None:
                if not node.policy.replaced:
                    raise
                return await _given_up(graph, state, activation, told, error, number)
            pause = retry.pause_before(number + 1)
        except BaseExceptionGroup as group:
            raise _of_group(group) from None
        number += 1
        await asyncio.sleep(pause)


async def _given_up(
    graph: Graph, state: Mapping[str, Any], activation: Activation, told: Told, error: Exception, number: int
) -> Update:
    """What counts instead of a node that failed for good.

    Raises:
        Exception: what took its place failed too.
    """
    policy = graph.nodes[activation.node].policy
    if policy.rescue is not None:
        told.started(activation, number + 1)
        try:
            context = instead(told.context(activation))
            update = await policy.rescue(state, activation.payload, context, failure(activation.node, error))
            graph.check(activation.node, update)
            return update
        except Exception as worse:
            told.failed(activation, worse, number + 1, retrying=False)
            if policy.on_error is None:
                raise
            error = worse
    assert policy.on_error is not None
    return Update(sends=(Send(policy.on_error, failure(activation.node, error)),), instead=True)


def _of_group(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a node raised that did several things at once: all that it waits for, where nothing else went wrong."""
    waits, rest = group.split(Interrupted)
    return joined(list(_leaves(waits))) if waits is not None and rest is None else rest or group


def _leaves(group: BaseExceptionGroup[Interrupted]) -> Iterator[Interrupted]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


async def _guarded(graph: Graph, node: Node, state: Mapping[str, Any], payload: Any, context: Context[Any]) -> Update:
    """From the outside in: cache, breaker, time limits."""
    policy = node.policy

    async def inner() -> Update:
        if policy.breaker is None:
            return await _limited(node, state, payload, context)
        return await _broken(policy.breaker, node, lambda: _limited(node, state, payload, context))

    return await inner() if policy.cache is None else await _cached(graph, node, policy.cache, state, payload, inner)


async def _cached(
    graph: Graph, node: Node, cache: Cache, state: Any, payload: Any, work: Callable[[], Awaitable[Update]]
) -> Update:
    key = cache.key(state, payload)
    if key is None:
        return await work()
    key = f"{graph.name}/{node.name}/{key}"
    kept = await cache.kept.get(key)
    if kept is None:
        kept = await work()
        graph.check(node.name, kept)
        await cache.kept.put(key, kept, cache.ttl)
    return kept


async def _broken(breaker: Breaker, node: Node, work: Callable[[], Awaitable[Update]]) -> Update:
    try:
        breaker.enter()
    except WeftError as error:
        raise type(error)(f"node {node.name!r}: {error}") from None
    try:
        update = await work()
    except Leaving:
        breaker.succeeded()
        raise
    except Exception as error:
        breaker.failed(error)
        raise
    except BaseException:
        breaker.left()
        raise
    breaker.succeeded()
    return update


async def _limited(node: Node, state: Mapping[str, Any], payload: Any, context: Context[Any]) -> Update:
    policy = node.policy
    if policy.timeout is None and policy.idle is None:
        return await node.run(state, payload, context)
    if policy.idle is None:
        return await _timed(node.run(state, payload, context), policy)
    loop = asyncio.get_running_loop()
    pulse = _Pulse(loop, policy.idle, BEAT.get())
    token = BEAT.set(pulse.beat)
    try:
        return await _timed(node.run(state, payload, heard(context, pulse.beat)), policy, pulse)
    finally:
        BEAT.reset(token)


class _Pulse:
    """Ends a time limit early once there was no sign of life for too long. A beat is one look at the clock."""

    __slots__ = ("_idle", "_last", "_limit", "_loop", "_outer", "_timer", "silent")

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: float, outer: Callable[[], None] | None) -> None:
        self._loop, self._idle, self._outer = loop, idle, outer
        self._last = loop.time()
        self._limit: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.silent = False

    def beat(self) -> None:
        self._last = self._loop.time()
        if self._outer is not None:
            self._outer()

    def watch(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._timer = self._loop.call_at(self._last + self._idle, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        due = self._last + self._idle
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        elif self._limit is not None and not self._limit.expired():
            self.silent = True
            self._limit.reschedule(self._loop.time())


async def _timed(running: Awaitable[Update], policy: Policy, pulse: _Pulse | None = None) -> Update:
    limit = asyncio.timeout(policy.timeout)
    try:
        async with limit:
            if pulse is not None:
                pulse.watch(limit)
            return await running
    except TimeoutError as error:
        if not limit.expired():
            raise
        if pulse is not None and pulse.silent:
            raise NodeTimeout(f"the node gave no sign of life for {policy.idle:g} s") from error
        raise NodeTimeout(f"the node ran longer than {policy.timeout:g} s") from error
    finally:
        if pulse is not None:
            pulse.stop()


def failure(node: str, error: Exception) -> Failure:
    """An error as a value."""
    code = error.code if isinstance(error, WeftError) else "bug"
    return Failure(node=node, code=code, message=f"{error}" if isinstance(error, WeftError) else describe(error))


def describe(error: BaseException) -> str:
    """A foreign error in one line."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
