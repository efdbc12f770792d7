"""Deployments at work: the door to each, what was seen of it, and how it does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.models.capabilities import Capabilities
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM
from weft.models.reports import NOTHING, Told, Used, minute_now
from weft.models.routing import Deployment, Routing

_SMOOTH = 0.2
"""How much the last call counts in the averages of health."""
State: TypeAlias = Literal["unused", "ok", "failing", "resting"]


class Health(Struct, frozen=True, kw_only=True):
    """How a deployment does, as this process has seen it and those it hears of. Times are seconds since the epoch."""

    id: str
    group: str
    model: str
    via: str
    base_url: str | None
    state: State
    """``ok`` and ``failing`` are of its last call; ``resting`` is left out until ``rests_until``."""
    in_flight: int
    calls: int
    """Calls that have ended."""
    failed: int
    first_piece: float | None
    """Seconds until an answer begins, on the average of the last calls."""
    duration: float | None
    """Seconds for a whole answer, on the average of the last calls."""
    rests_until: float | None
    last_call: float | None
    last_error: str | None
    last_error_at: float | None


@dataclass(slots=True)
class Seen:
    """What was seen of a deployment; it outlives changes of the router that leave the deployment as it is."""

    in_flight: int = 0
    calls: int = 0
    failed: int = 0
    first_piece: float | None = None
    duration: float | None = None
    last_call: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    failing: bool = False
    minute: int = 0
    """The minute of the clock that ``requests`` and ``tokens`` are of."""
    requests: int = 0
    tokens: int = 0
    others: Sequence[Told] = ()
    """As the other processes have told of it."""
    added: Used = NOTHING
    """What of theirs LiteLLM has been told."""

    def used(self, *, requests: int = 0, tokens: int = 0) -> None:
        """So much more of this minute."""
        if (now := minute_now()) != self.minute:
            self.minute, self.requests, self.tokens = now, 0, 0
        self.requests += requests
        self.tokens += tokens

    def told(self, rests_until: float | None) -> Told:
        """What the others are told of it."""
        values = {name: getattr(self, name) for name in _TOLD}
        return Told(rests_until=rests_until, **values)


_TOLD = tuple([name for name in Told.__struct_fields__ if name != "rests_until"])


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment, and the door to it."""

    id: str
    group: str
    deployment: Deployment
    door: LiteLLM | Direct
    seen: Seen


def door_to(deployment: Deployment) -> LiteLLM | Direct:
    """The door that the deployment's calls go through."""
    kind = Direct if deployment.via == "direct" else LiteLLM
    times = {name: value for name in ("timeout", "idle_timeout") if (value := getattr(deployment, name)) is not None}
    return kind(deployment.model, deployment.base_url, api_key=deployment.api_key, **times)


def can(router: Routing, group: str) -> Capabilities:
    """What all deployments of a group can do; how they are brought to a schema must also do for its fallbacks."""
    each = [door_to(deployment).capabilities for deployment in router.groups.get(group, ())]
    if not each:
        return Capabilities()
    others = [door_to(one).capabilities for name in router.reached(group) for one in router.groups[name]]
    levels = ("prompt", "json", "tool", "native")
    sizes = [one.context_tokens for one in each if one.context_tokens is not None]
    return Capabilities(
        output=min([one.output for one in others], key=levels.index),
        tools=None if any([one.tools is None for one in others]) else all([one.tools for one in others]),
        images=all([one.images for one in each]),
        reasoning=all([one.reasoning for one in each]),
        context_tokens=min(sizes) if len(sizes) == len(each) else None,
    )


def averaged(before: float | None, now: float) -> float:
    return now if before is None else before + _SMOOTH * (now - before)


def health_of(place: Place, rests_until: float | None) -> Health:
    one, mine = place.deployment, place.seen.told(rests_until)
    every = [mine, *place.seen.others]
    last = max(every, key=lambda each: each.last_call or 0.0)
    failed = max(every, key=lambda each: each.last_error_at or 0.0)
    calls = sum([each.calls for each in every])
    state: State = "ok"
    if rests_until is not None and rests_until > time.time():
        state = "resting"
    elif last.failing:
        state = "failing"
    elif not calls:
        state = "unused"
    return Health(
        id=place.id,
        group=place.group,
        model=one.model,
        via=one.via,
        base_url=one.base_url,
        state=state,
        in_flight=sum([each.in_flight for each in every]),
        calls=calls,
        failed=sum([each.failed for each in every]),
        first_piece=mine.first_piece if mine.first_piece is not None else last.first_piece,
        duration=mine.duration if mine.duration is not None else last.duration,
        rests_until=rests_until if state == "resting" else None,
        last_call=last.last_call,
        last_error=failed.last_error,
        last_error_at=failed.last_error_at,
    )
