"""``Router`` and its groups: a group is a model, and each call to it goes to the deployment that is best now.

``"router:fast"`` is a group of the router that is live in this process: the one in the store, as it is now.
"""

import asyncio
import time
from collections import OrderedDict
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import msgspec

from weft.errors import ModelError, StoreError, UsageError
from weft.messages import user
from weft.models.base import Request, Stream
from weft.models.capabilities import Capabilities
from weft.models.places import Health, can, door_to
from weft.models.prices import Price, named_price
from weft.models.routing import Deployment as Deployment
from weft.models.routing import Routing
from weft.models.sharing import Sharing
from weft.models.switch import Switch

PREFIX = "router:"
"""Before a group's name."""
FRESH = 1.0
"""Seconds for which a process does not ask the store again whether the router has changed."""


class Router(Routing, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Groups of deployments, as a value.

    >>> router = Router(groups={"fast": (Deployment("openai/gpt-5-mini"), Deployment("groq/llama-3.3-70b-versatile"))})
    >>> router.group("fast").name
    'router:fast'
    """

    def group(self, name: str, *, tags: tuple[str, ...] = ()) -> "Group":
        """A group as a model. With ``tags``, of the deployments that have one of them.

        Raises:
            UsageError: there is no such group.
        """
        if name not in self.groups:
            raise UsageError(f"router {self.name!r} has no group {name!r}; it has: {', '.join(self.groups) or 'none'}")
        return Group(name, self, tags)


def parse(data: Any) -> Router:
    """A router from JSON values.

    Raises:
        UsageError: it does not fit, or a key is written out; the words never repeat what was given.
    """
    try:
        return msgspec.convert(data, Router)
    except msgspec.ValidationError as error:
        raise UsageError(f"this is no router: {error}") from None


def parse_deployment(data: Any) -> Deployment:
    """As ``parse``, of one deployment."""
    try:
        return msgspec.convert(data, Deployment)
    except msgspec.ValidationError as error:
        raise UsageError(f"this is no deployment: {error}") from None


def from_yaml(text: str) -> Router:
    """A router from YAML or JSON.

    >>> from_yaml("groups: {fast: [{model: openai/gpt-5-mini, rpm: 500}]}").groups["fast"][0].rpm
    500
    """
    import yaml  # noqa: PLC0415  # only who reads a file needs it

    try:
        return parse(yaml.safe_load(text))
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        raise UsageError(f"this is no YAML{f' (line {mark.line + 1})' if mark else ''}") from None


def to_yaml(router: Routing) -> str:
    """What ``from_yaml`` reads."""
    import yaml  # noqa: PLC0415

    return yaml.safe_dump(msgspec.to_builtins(router), sort_keys=False, allow_unicode=True)


def read(path: str | Path) -> Router:
    """Raises: UsageError: there is no such file, or no router in it."""
    try:
        return from_yaml(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a router, as a model. Without a router of its own: of the one that is live when it is asked."""

    group: str
    router: Router | None = None
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.group}"

    @property
    def capabilities(self) -> Capabilities:
        """What all of its deployments can do."""
        router = self.router or live_now()
        return Capabilities() if router is None else can(router, self.group)

    @property
    def price(self) -> Price | None:
        """What the dearest deployment costs, those of fallbacks too; ``None`` where the price of one is not known."""
        router = self.router or live_now()
        groups = () if router is None else router.reached(self.group)
        prices = [named_price(each.model) for name in groups for each in router.groups[name]] if router else []
        known = [price for price in prices if price is not None]
        if not known or len(known) < len(prices):
            return None
        most = [price.max_output for price in known if price.max_output is not None]
        return Price(
            input=max(price.input for price in known),
            output=max(price.output for price in known),
            max_output=max(most) if len(most) == len(known) else None,
        )

    async def wake(self) -> None:
        """See ``capabilities.Waking``. Raises: UsageError: no router is live here."""
        if self.router is None:
            await _live().switch()

    async def answer(self, request: Request) -> Stream:
        """See ``Model.answer``. Its deployments' doors are where cassettes are inserted.

        Raises:
            ModelError: as the last deployment has it; ``attempts`` are all that failed.
            UsageError: there is no router, or not this group in it.
        """
        switch = await (_live().switch() if self.router is None else _switch(self.router))
        async with aclosing(await switch.answer(self.group, request, self.tags)) as stream:
            async for item in stream:
                yield item


class Source(Protocol):
    """Where the router of a workspace is kept."""

    async def newest(self, known: int) -> tuple[int, Router] | None:
        """Its version and itself; ``None`` where ``known`` is its version, or where there is none.

        Raises:
            StoreError: it cannot be read now.
        """
        ...


class Live:
    """The router of a source, as it is now: looked up again when it is asked for and ``FRESH`` seconds have passed.

    Nothing runs in between, so a process without calls costs nothing, and none is behind by more than that.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._switch: Switch | None = None
        self._looked = float("-inf")
        self.sharing: Sharing | None = None
        """Tells other processes how it goes, and hears of them."""
        self._firsts: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @property
    def current(self) -> Switch | None:
        """The one that is known, however old."""
        return self._switch

    async def switch(self, *, now: bool = False) -> Switch:
        """The newest router at work; ``now`` looks even if somebody has just looked.

        Raises:
            UsageError: there is no router.
            StoreError: there may be one, but it cannot be read.
        """
        if now or time.monotonic() - self._looked >= FRESH:
            await self._look()
        elif self._switch is None:  # somebody looks for the first time at this moment
            async with self._first():
                pass
        if self._switch is None:
            raise UsageError("there is no router yet: give App(router=...), or write one with `weft router config`")
        return self._switch

    async def _look(self) -> None:
        before, self._looked = self._switch, time.monotonic()
        if before is not None:
            return await self._take(before)
        async with self._first():
            try:
                await self._take(None)
            except BaseException:
                self._looked = float("-inf")
                raise

    async def _take(self, before: Switch | None) -> None:
        """Put the newest version in the place of the one that is known."""
        try:
            found = await self._source.newest(0 if before is None else before.version)
        except StoreError:
            if before is None:
                raise
            return  # the one that is known goes on
        if found is None:
            return
        version, router = found
        switch = await Switch.open(router, version, before)
        if self.sharing is not None:
            switch.touched = self.sharing.touch
        if self._switch is None or self._switch.version < version:
            self._switch = switch
        if before is None and self.sharing is not None:
            with suppress(StoreError):
                await self.sharing.now()

    def _first(self) -> asyncio.Lock:
        """Held while somebody looks who knows of no router yet; the others of the loop wait."""
        return self._firsts.setdefault(asyncio.get_running_loop(), asyncio.Lock())


_connected: list[Live] = []
_switches: OrderedDict[str, Switch] = OrderedDict()
_KEPT = 32
"""Routers without a store that a process keeps at work."""


def connect(live: Live) -> None:
    """From now on ``router:`` means this one."""
    _connected.append(live)


def disconnect(live: Live) -> None:
    if live in _connected:
        _connected.remove(live)


def live_now() -> Router | None:
    """The router that ``router:`` means, as far as this process has seen it."""
    switch = _connected[-1].current if _connected else None
    return None if switch is None else switch.router  # pyright: ignore[reportReturnType]  # made of a Router


def _live() -> Live:
    if not _connected:
        raise UsageError("no router is live here: open an App with a router, or use Router(...).group(name)")
    return _connected[-1]


async def _switch(router: Router) -> Switch:
    """The one that works for this value, in this process."""
    digest = router.digest
    found = _switches.get(digest)
    if found is None:
        found = _switches.setdefault(digest, await Switch.open(router))
        while len(_switches) > _KEPT:
            _switches.popitem(last=False)
    _switches.move_to_end(digest)
    return found


async def health(router: Router) -> list[Health]:
    """How the deployments of a router without a store do."""
    return await (await _switch(router)).health()


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking a deployment for a word."""

    id: str
    group: str
    model: str
    ok: bool
    seconds: float
    error: str | None = None


async def probe(router: Routing, only: str | None = None) -> list[Probe]:
    """Asks every deployment, or those of one group or id, for one word, past all rules. It costs what a call costs."""
    probes: list[Probe] = []
    for id, group, each in router.deployments():
        if only not in (None, id, group):
            continue
        began, error = time.perf_counter(), None
        request = Request(messages=[user("Say: ok")], settings=each.settings)
        try:
            async for _ in door_to(each).answer(request):
                pass
        except ModelError as failure:
            error = str(failure)
        seconds = time.perf_counter() - began
        probes.append(Probe(id=id, group=group, model=each.model, ok=error is None, seconds=seconds, error=error))
    return probes
