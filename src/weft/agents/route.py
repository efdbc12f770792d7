"""Which model takes a turn: a rule, or a small model that classifies, decides it, and the decision is an event."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec import Struct

from weft.agents.thinking import QUIET, ask
from weft.engine.context import Context
from weft.errors import ModelError, UsageError
from weft.events import RouteDecided
from weft.messages import Message, Text, Usage, user
from weft.models.base import Model, Request
from weft.models.choose import resolve
from weft.runtime.conversation import count_tokens
from weft.runtime.limits import Limits


class Asked(Struct, frozen=True, kw_only=True):
    """What a rule may look at."""

    request: Request
    turn: int
    """0 for the first model call of a run."""
    tokens: int
    """Of the messages, as they are counted here."""
    used: Usage
    """By the run so far."""
    usd_left: float | None = None
    """Of the ``Limits(usd=...)`` of the agent and of the run, and of the budgets that the call falls under, whichever
    is least; ``None`` where there is none."""
    tokens_left: int | None = None

    @property
    def task(self) -> str:
        """What the person said last."""
        said = [each.text for each in self.request.messages if each.role == "user" and each.author != "weft"]
        return said[-1] if said else ""


class Decision(Struct, frozen=True):
    """The model to ask, by its name, and why."""

    model: str
    reason: str = ""


Chosen: TypeAlias = Decision | str | None
Rule: TypeAlias = Callable[[Asked], Chosen | Awaitable[Chosen]]
"""Gives a model's name (``router:fast``), a ``Decision``, or nothing for the agent's own model."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A small model that sorts a task into one of some kinds, each with a model of its own.

    Its calls count like all others. Where it fails or says none of the names, the agent's own model answers.

    >>> easy = ("router:fast", "small talk and look-ups")
    >>> Classifier(model="router:tiny", kinds={"easy": easy, "hard": ("router:smart", "proofs and code")}).kinds["easy"]
    ('router:fast', 'small talk and look-ups')
    """

    model: str | Model
    kinds: Mapping[str, tuple[str, str]]
    """Name: the model for it, and what it is in words."""
    longest: int = 4_000
    """Characters of the task that the classifier sees."""

    async def decide(self, asked: Asked, ctx: Context[Any]) -> Decision | None:
        """Raises: ModelError: it could not be asked."""
        kinds = "\n".join([f"- {name}: {words}" for name, (_, words) in self.kinds.items()])
        told = f"Sort the task into one of these kinds. Answer with the name of the kind and nothing else.\n{kinds}"
        request = Request(messages=[Message(role="system", parts=(Text(told),)), user(asked.task[: self.longest])])
        said = (await ask(resolve(self.model), QUIET, request, ctx)).message.text.strip().strip("'\"`.").lower()
        found = next((name for name in self.kinds if name.lower() == said), None)
        return None if found is None else Decision(self.kinds[found][0], f"the task was found to be {found!r}")


Route: TypeAlias = Rule | Classifier


class Junction:
    """The route of one agent, with the models that it has led to."""

    def __init__(self, route: Route, own: Model, limits: Limits) -> None:
        if not isinstance(route, Classifier) and not callable(route):
            raise UsageError("route takes a function or a Classifier")
        self._route = route
        self._own = own
        self._limits = limits
        self._known: dict[str, Model] = {}

    async def model(self, request: Request, turn: int, ctx: Context[Any]) -> Model:
        """The model for this call; the decision is on record.

        Raises:
            UsageError: the rule named no model.
        """
        asked = await self._asked(request, turn, ctx)
        by, failure = ("model" if isinstance(self._route, Classifier) else "rule"), ""
        try:
            decision = await self._decided(asked, ctx)
        except ModelError as error:
            decision, failure = None, f"the classifier failed: {error}"
        if decision is None:
            ctx.emit(RouteDecided(self._own.name, failure or "nothing else was decided", "default"))
            return self._own
        model = self._known.get(decision.model)
        if model is None:
            model = self._known[decision.model] = resolve(decision.model)
        ctx.emit(RouteDecided(model.name, decision.reason, by))
        return model

    async def _decided(self, asked: Asked, ctx: Context[Any]) -> Decision | None:
        if isinstance(self._route, Classifier):
            return await self._route.decide(asked, ctx)
        told = self._route(asked)
        chosen: Any = await told if inspect.isawaitable(told) else told
        if chosen is None or isinstance(chosen, Decision):
            return chosen
        if isinstance(chosen, str):
            return Decision(chosen, "the rule says so")
        raise UsageError(f"a route gives a model's name, a Decision or None, not {type(chosen).__name__}")

    async def _asked(self, request: Request, turn: int, ctx: Context[Any]) -> Asked:
        meter = ctx.run.meter
        left = [meter.left(self._limits), *([] if meter.purse is None else [await meter.purse.left()])]
        return Asked(
            request=request,
            turn=turn,
            tokens=sum([count_tokens(message) for message in request.messages]),
            used=ctx.run.usage,
            usd_left=min([usd for usd, _ in left if usd is not None], default=None),
            tokens_left=min([tokens for _, tokens in left if tokens is not None], default=None),
        )
