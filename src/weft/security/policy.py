"""Who may call which tool with what: rules as data, and one verdict for each call.

The order of rules means nothing. A ``deny`` that fits always wins; then an ``ask``, then an ``allow`` of the policy's
own; then the rules that hold unless an own one fits (``DEFAULTS``); then ``otherwise``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from weft.errors import UsageError
from weft.security.patterns import compiled, every, leaves
from weft.security.provenance import UNTOUCHED, Influence

Decision: TypeAlias = Literal["allow", "ask", "deny"]
Effect: TypeAlias = Literal["read", "idempotent", "once"]
_RANK: Mapping[str, int] = {"allow": 0, "ask": 1, "deny": 2}


class Use(Struct, frozen=True, kw_only=True):
    """A tool call that is about to be made, and all that a rule may look at."""

    tool: str
    arguments: dict[str, Any] = {}
    effect: Effect = "idempotent"
    agent: str = ""
    user: str = ""
    usd_left: float | None = None
    """What the limits of its agent leave; ``None`` where there is no such limit."""
    tokens_left: int | None = None
    influence: Callable[[], Influence] = lambda: UNTOUCHED
    """From where its arguments come; asked only where a rule wants to know."""


class Verdict(Struct, frozen=True):
    """What becomes of a call, by which rule, and why."""

    decision: Decision
    rule: str = ""
    reason: str = ""
    sources: tuple[str, ...] = ()
    """The untrusted sources that influenced it; of a call that only reads, where the rule asked for them."""


class Rule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Calls that fit everything it says are allowed, denied, or shown to a person first.

    ``tools``, ``agents``, ``users`` and ``roles`` are names with ``*`` and ``?``; one with ``!`` before it must not
    fit. ``arguments`` are conditions by name (``to.address``, or ``*`` for any at any depth): a pattern, ``re:`` and
    a regular expression, ``> 100`` and the like, each perhaps after ``!``. Of a list, one item that fits is enough to
    ask or deny; to allow, all must. To ask or deny, upper case, kinds of space and forms of letters make no difference.

    >>> Rule("deny", tools="shell*", roles="!admin", reason="only admins use the shell").tools
    ('shell*',)

    Raises:
        UsageError: it cannot be understood.
    """

    decision: Decision
    tools: tuple[str, ...] | str = ("*",)
    arguments: dict[str, str] = {}
    effects: tuple[Effect, ...] | str = ()
    """Empty: all."""
    sources: tuple[str, ...] | str = ()
    """Untrusted sources that influenced the arguments: names of tools, or ``*`` for any. Empty: whatever they are."""
    roles: tuple[str, ...] | str = ()
    users: tuple[str, ...] | str = ()
    agents: tuple[str, ...] | str = ()
    usd_below: float | None = None
    """Fits where the agent's limits leave less than this."""
    tokens_below: int | None = None
    reason: str = ""
    """Told to the model and to whoever is asked."""
    name: str = ""

    def __post_init__(self) -> None:
        if self.decision not in get_args(Decision):
            raise UsageError(f"a rule says allow, ask or deny, not {self.decision!r}")
        for field in ("tools", "effects", "sources", "roles", "users", "agents"):
            given: Any = getattr(self, field)
            force_setattr(self, field, (given,) if isinstance(given, str) else tuple(given))
        if unknown := [effect for effect in self.effects if effect not in get_args(Effect)]:
            raise UsageError(f"an effect is read, idempotent or once, not {unknown[0]!r}")
        for place, condition in self.arguments.items():
            if not isinstance(condition, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # data may say anything
                raise UsageError(f"{place}: a condition is text, as '> 100' or '*.com', not {condition!r}")
            compiled(condition)

    @property
    def title(self) -> str:
        """Its name, or what it says in short."""
        return self.name or f"{self.decision} {', '.join(self.tools)}"

    @property
    def conditions(self) -> str:
        """All that it asks beside the tool, in words.

        >>> Rule("ask", arguments={"amount": "> 100"}, roles="!boss").conditions
        'amount > 100; roles: !boss'
        """
        said = [f"{place} {condition}" for place, condition in self.arguments.items()]
        for field in ("effects", "sources", "roles", "users", "agents"):
            if given := getattr(self, field):
                said.append(f"{field}: {', '.join(given)}")
        if self.usd_below is not None:
            said.append(f"less than ${self.usd_below:g} left")
        if self.tokens_below is not None:
            said.append(f"less than {self.tokens_below:,} tokens left")
        return "; ".join(said)

    def fits(self, use: Use, roles: Sequence[str]) -> bool:
        """Whether it says something of this call."""
        if not (_named(self.tools, (use.tool,)) and _named(self.roles, roles) and _named(self.users, (use.user,))):
            return False
        if not _named(self.agents, (use.agent,)) or (self.effects and use.effect not in self.effects):
            return False
        if not (_below(use.usd_left, self.usd_below) and _below(use.tokens_left, self.tokens_below)):
            return False
        if not all(self._argument(place, condition, use) for place, condition in self.arguments.items()):
            return False
        return not self.sources or any(_named(self.sources, (source,)) for source in use.influence().sources)

    def _argument(self, place: str, condition: str, use: Use) -> bool:
        values = leaves(use.arguments, place)
        strict = self.decision != "allow"
        if strict:  # an object where a single value was meant: also what is in it
            values += [inner for value in values if isinstance(value, dict) for inner in every(value)]
        found = [compiled(condition)(value, strict) for value in values]
        return any(found) if strict else bool(found) and all(found)


DEFAULTS: tuple[Rule, ...] = (
    Rule(
        "ask",
        effects=("idempotent", "once"),
        sources=("*",),
        reason="it changes something, and what it is to do does not come from the user alone",
        name="default: untrusted influence",
    ),
)
"""Reads are free. What has a side effect is shown to a person where untrusted content may have had a hand in it."""


class Policy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rules for tool calls, and who has which role.

    >>> policy = Policy(rules=(Rule("deny", tools="pay", arguments={"amount": "> 1000"}),))
    >>> policy.judge(Use(tool="pay", arguments={"amount": 5000})).decision
    'deny'
    """

    rules: tuple[Rule, ...] = ()
    people: dict[str, tuple[str, ...]] = {}
    """Roles by user; those of ``*`` are everybody's."""
    defaults: bool = True
    """Whether ``DEFAULTS`` hold beneath the rules."""
    otherwise: Decision = "allow"

    def __post_init__(self) -> None:
        if self.otherwise not in get_args(Decision):
            raise UsageError(f"otherwise is allow, ask or deny, not {self.otherwise!r}")
        force_setattr(self, "rules", tuple(self.rules))

    def roles_of(self, user: str) -> tuple[str, ...]:
        """The roles of a user."""
        return (*self.people.get("*", ()), *self.people.get(user, ()))

    def fitting(self, use: Use) -> tuple[Rule, ...]:
        """All rules that say something of the call, its own before the defaults; which one decides, ``judge`` says."""
        rules = (*self.rules, *(DEFAULTS if self.defaults else ()))
        return tuple([rule for rule in rules if rule.fits(use, self.roles_of(use.user))])

    def judge(self, use: Use, roles: Sequence[str] | None = None) -> Verdict:
        """What becomes of the call."""
        held = self.roles_of(use.user) if roles is None else roles
        fitting = [rule for rule in self.rules if rule.fits(use, held)]
        for decision in ("deny", "ask", "allow"):
            if (found := _first(fitting, decision)) is not None:
                return _verdict(found, use)
        if self.defaults and (found := _first([rule for rule in DEFAULTS if rule.fits(use, held)], "ask")) is not None:
            return _verdict(found, use)
        words = "" if self.otherwise == "allow" else "no rule allows it"
        return Verdict(self.otherwise, "otherwise", words, _behind(use))


def use_of(
    tool: str,
    arguments: Mapping[str, Any],
    *,
    effect: str = "once",
    agent: str = "",
    user: str = "",
    sources: Iterable[str] = (),
) -> Use:
    """A call that nobody makes, to see what would become of it.

    >>> Policy().judge(use_of("pay", {"amount": 5}, sources=["inbox"])).decision
    'ask'

    Raises:
        UsageError: there is no such effect.
    """
    if effect not in ("read", "idempotent", "once"):
        raise UsageError(f"an effect is read, idempotent or once, not {effect!r}")
    influence = Influence(tuple(sources), tuple(arguments) if sources else ())
    return Use(
        tool=tool,
        arguments=dict(arguments),
        effect=effect,
        agent=agent,
        user=user,
        influence=lambda: influence,
    )


def judged(policies: Iterable[Policy], use: Use) -> Verdict:
    """The strictest verdict of several policies; a user has the roles that any of them gives."""
    policies = tuple(policies)
    roles = tuple({role: None for policy in policies for role in policy.roles_of(use.user)})
    return max([policy.judge(use, roles) for policy in policies], key=lambda one: _RANK[one.decision])


def policy_of(data: Any) -> Policy:
    """A policy from plain data, as YAML and JSON have it.

    Raises:
        UsageError: the message names the place.
    """
    try:
        return msgspec.convert(data, Policy, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"this is no policy: {error}") from error


def read_policy(path: str) -> Policy:
    """A policy from a YAML file.

    Raises:
        UsageError: it cannot be read, or is no policy.
    """
    import yaml  # noqa: PLC0415  # only who keeps policies in files

    try:
        with open(path, encoding="utf-8") as file:
            return policy_of(yaml.safe_load(file) or {})
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"the policy {path!r} cannot be read: {error}") from error


def _first(rules: Sequence[Rule], decision: str) -> Rule | None:
    """The one that is named in the verdict: the first by name, so that the order of rules says nothing."""
    return min([rule for rule in rules if rule.decision == decision], key=_place, default=None)


def _place(rule: Rule) -> tuple[str, bytes]:
    return rule.title, msgspec.json.encode(rule, order="deterministic")


def _verdict(rule: Rule, use: Use) -> Verdict:
    if not rule.sources:
        return Verdict(rule.decision, rule.title, rule.reason, _behind(use))
    found = use.influence()
    where = f" ({found.words})" if found.words else ""
    return Verdict(rule.decision, rule.title, f"{rule.reason}{where}", found.sources)


def _behind(use: Use) -> tuple[str, ...]:
    """For the audit: who had a hand in what changes something, whatever was decided."""
    return () if use.effect == "read" else use.influence().sources


def _below(left: float | None, limit: float | None) -> bool:
    return limit is None or (left is not None and left < limit)


def _named(patterns: tuple[str, ...] | str, names: Sequence[str]) -> bool:
    """Whether some name fits (where some pattern is positive), and none fits one that is negated."""
    if not patterns:
        return True
    wanted, forbidden = _split(tuple(patterns))
    if any(fnmatchcase(name, pattern) for pattern in forbidden for name in names):
        return False
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted for name in names)


@lru_cache(maxsize=1024)
def _split(patterns: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted = tuple([each for each in patterns if not each.startswith("!")])
    return wanted, tuple([each[1:] for each in patterns if each.startswith("!")])
