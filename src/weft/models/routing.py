"""A router as data: groups of deployments, and how calls are spread over them. It is checked whenever one is made."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from weft.errors import UsageError
from weft.models.blotting import holds_secret, is_secret_name

Strategy: TypeAlias = Literal["simple-shuffle", "least-busy", "usage-based", "latency-based", "cost-based"]

_REFERENCE = re.compile(r"os\.environ/[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(
    r"(sk|pk|rk|gsk|xai|hf|ghp|pplx|csk|nvapi)[-_]\w{4}|AIza\w{8}|AKIA\w{8}|(Bearer|Basic) \S+|eyJ\w{8}"
)
"""Forms of keys, and of what only begins like one: among settings that is enough."""
_QUERY_KEY = re.compile(r"[?&](api[-_]?key|key|token|access_token|sig|signature)=[^&\s]{4,}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEY_TOLD = "write the name of its variable instead: api_key='os.environ/NAME'"
_SETTING_TOLD = "write the name of its variable instead: 'os.environ/NAME'"
_NOT_SETTINGS = frozenset({"max_budget", "budget_duration", "api_base", "base_url", "stream", "timeout"})


class Deployment(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model at one place. Limits are per minute.

    >>> Deployment("openai/gpt-5-mini", api_key="os.environ/TEAM_KEY", rpm=500).model
    'openai/gpt-5-mini'
    >>> Deployment("openai/gpt-5-mini", api_key="sk-1234567890")
    Traceback (most recent call last):
    weft.errors.UsageError: a key itself is refused: write the name of its variable instead: api_key='os.environ/NAME'

    Raises:
        UsageError: a key is written out, or something else does not fit.
    """

    model: str
    weight: float | None = None
    """How often it is taken beside the others of its group, by ``simple-shuffle``."""
    rpm: int | None = None
    tpm: int | None = None
    order: int | None = None
    """Those with the lowest number are taken, the next ones only when these fail."""
    tags: tuple[str, ...] = ()
    max_parallel: int | None = None
    """Calls at the same time; one more goes elsewhere."""
    via: Literal["litellm", "direct"] = "litellm"
    base_url: str | None = None
    api_key: str | None = None
    """``os.environ/NAME``."""
    settings: dict[str, Any] = {}
    """For the provider; those of the call itself come before them. A key among them (in a header, say) is named by its
    variable too: ``os.environ/NAME``."""
    timeout: float | None = None
    """Seconds for a whole answer."""
    idle_timeout: float | None = None
    """Seconds of silence after which it counts as gone."""
    context_tokens: int | None = None
    """What it can be sent, for ``pre_call_checks``, where the price list does not know or is wrong."""
    id: str = ""
    """Made of its content where none is given."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise UsageError("a deployment needs a model, such as 'openai/gpt-5-mini'")
        if self.api_key is not None and not _REFERENCE.fullmatch(self.api_key):
            raise UsageError(f"a key itself is refused: {_KEY_TOLD}")
        if self.base_url is not None:
            _check_address(self.base_url)
        for name in ("weight", "rpm", "tpm", "max_parallel", "timeout", "idle_timeout", "context_tokens"):
            value: float | None = getattr(self, name)
            if value is not None and not 0 < value < 1e15:
                raise UsageError(f"{self.model}: {name} must be more than 0")
        if self.id and not _NAME.fullmatch(self.id):
            raise UsageError(f"{self.model}: an id has letters, digits, '.', '_' and '-', at most 100")
        if unfit := _NOT_SETTINGS & self.settings.keys():
            raise UsageError(f"{self.model}: {', '.join(sorted(unfit))} cannot be among the settings")
        self._check_secrets()

    def _check_secrets(self) -> None:
        for where in _secrets(self.settings, "settings"):
            raise UsageError(f"{self.model}: {where} looks like a key, and a key is refused: {_SETTING_TOLD}")
        if _SECRET.search(self.model):
            raise UsageError(f"the model looks like a key, and a key is refused: {_KEY_TOLD}")
        for text, where in ((self.model, "model"), (self.base_url or "", "base_url"), (self.id, "id")):
            _secretless(text, where)
        _secretless(" ".join(self.tags), "tags")


class Routing(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Groups of deployments and the rules for calls to them.

    Raises:
        UsageError: a rule names a group that is not there, or a deployment is in a group twice.
    """

    name: str = "default"
    groups: dict[str, tuple[Deployment, ...]] = {}
    strategy: Strategy = "simple-shuffle"
    fallbacks: dict[str, tuple[str, ...]] = {}
    """For each group, the groups that are asked when it fails."""
    context_window_fallbacks: dict[str, tuple[str, ...]] = {}
    """The same, when the prompt is too long."""
    content_policy_fallbacks: dict[str, tuple[str, ...]] = {}
    """The same, when the provider refuses what is asked."""
    default_fallbacks: tuple[str, ...] = ()
    """For groups without fallbacks of their own."""
    retries: int = 2
    """In a group, after the first try."""
    cooldown: float = 5.0
    """Seconds that a failing deployment rests, where its provider does not say for how long; 0 is never."""
    allowed_fails: int | None = None
    """Failures in a minute before it rests. Without: a 429 or a wrong key, or when half of its calls fail."""
    pre_call_checks: bool = False
    """Leave out deployments that the prompt is too long for, or whose ``rpm`` is used up."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError("a router's name has letters, digits, '.', '_' and '-', at most 100")
        for group, deployments in self.groups.items():
            _secretless(group, "group's name")
            if not _NAME.fullmatch(group):
                raise UsageError("a group's name has letters, digits, '.', '_' and '-', at most 100")
            if not deployments:
                raise UsageError(f"group {group!r} has no deployments")
        for rules in (self.fallbacks, self.context_window_fallbacks, self.content_policy_fallbacks):
            self._check_groups([*rules, *[group for groups in rules.values() for group in groups]])
        self._check_groups(self.default_fallbacks)
        if not 0 <= self.retries <= 20 or not 0 <= self.cooldown <= 86_400:
            raise UsageError("retries are 0 to 20, and cooldown is 0 to 86,400 seconds")
        ids = [id for id, _, _ in self.deployments()]
        if twice := next((id for id in ids if ids.count(id) > 1), None):
            raise UsageError(f"deployment {twice!r} is there twice: give each an id of its own, or one a weight")

    def deployments(self) -> Iterator[tuple[str, str, Deployment]]:
        """Each deployment with its id and its group."""
        for group, deployments in self.groups.items():
            for each in deployments:
                yield each.id or f"{group}-{_hash([group, each])[:10]}", group, each

    def reached(self, group: str) -> list[str]:
        """The group, and all that may answer in its place; none where there is no such group."""
        found = [group] if group in self.groups else []
        for each in found:
            rules = (self.fallbacks, self.context_window_fallbacks, self.content_policy_fallbacks)
            further = [other for rule in rules for other in rule.get(each, ())]
            found.extend(dict.fromkeys([one for one in (*further, *self.default_fallbacks) if one not in found]))
        return found

    @property
    def digest(self) -> str:
        """The same for equal routers."""
        return _hash(self)

    def _check_groups(self, named: Any) -> None:
        for group in named:
            if group not in self.groups:
                known = ", ".join(self.groups) or "none"
                raise UsageError(f"a fallback names group {group!r}, and the groups are: {known}")


def _hash(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
        parts = urlsplit("")
    if not sound:
        raise UsageError("base_url is no address: it begins with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(f"base_url may hold no name, password or query: {_KEY_TOLD}")


def _secretless(text: str, where: str) -> None:
    if holds_secret(text):
        raise UsageError(f"the {where} looks like a key, and a key is refused: {_KEY_TOLD}")


def is_reference(value: Any) -> bool:
    """
    >>> is_reference("os.environ/TEAM_KEY"), is_reference("os.environ/TEAM KEY"), is_reference(5)
    (True, False, False)
    """
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _secrets(value: Any, where: str, *, named: bool = False) -> Iterator[str]:
    """Where in the settings something looks like a key: by its form, or as all that stands under a key's name.

    >>> list(_secrets({"n": 5, "extra_headers": {"X-Api-Key": "abc", "X-Auth": "os.environ/MINE"}}, "settings"))
    ['settings.extra_headers.X-Api-Key']
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  # JSON
            if holds_secret(str(name)):  # pyright: ignore[reportUnknownArgumentType]
                yield where
            yield from _secrets(inner, f"{where}.{name}", named=named or is_secret_name(str(name)))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        pair = value if len(value) == 2 and isinstance(value[0], str) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # a header, as some write them
        named = named or bool(pair and is_secret_name(pair[0]))  # pyright: ignore[reportUnknownArgumentType]
        for inner in value[1:] if pair and named else value:  # pyright: ignore[reportUnknownVariableType]  # JSON
            yield from _secrets(inner, where, named=named)
    elif isinstance(value, str | bytes | int | float) and not isinstance(value, bool) and not is_reference(value):
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        if (named and text) or holds_secret(text) or _SECRET.search(text) or _QUERY_KEY.search(text):
            yield where
