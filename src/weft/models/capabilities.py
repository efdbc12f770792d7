"""What a model can do, as far as it is known without asking it: from the price list that comes with LiteLLM.

The list is read as a file, so that nobody waits seconds for LiteLLM to be imported only to learn this.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec
from msgspec import Struct

from weft.models.base import Model

OutputLevel: TypeAlias = Literal["native", "tool", "json", "prompt"]
"""How a model is brought to a schema: it keeps to one, by a tool's arguments, by JSON mode, or by words alone."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What to expect of a model. The defaults hold for a model that nothing is known of."""

    output: OutputLevel = "prompt"
    tools: bool | None = None
    """Whether it calls tools; ``None`` where nobody says."""
    images: bool = False
    reasoning: bool = False
    context_tokens: int | None = None
    """How many tokens may be sent; ``None`` where nobody says."""
    seen: frozenset[str] = frozenset()
    """Which of these are not as listed, but as they turned out."""


@runtime_checkable
class Capable(Protocol):
    """A model that says itself what it can do."""

    @property
    def capabilities(self) -> Capabilities: ...


@runtime_checkable
class Waking(Protocol):
    """A model that must look something up before it can say what it is."""

    async def wake(self) -> None: ...


async def awake(model: Model) -> None:
    """Now it can say what it costs and what it can do."""
    if isinstance(model, Waking):
        await model.wake()


class _Entry(Struct, frozen=True):
    """A line of the list, as far as it matters here."""

    litellm_provider: str | None = None
    mode: str | None = None
    max_input_tokens: Any = None
    supports_response_schema: bool | None = None
    supports_function_calling: bool | None = None
    supports_vision: bool | None = None
    supports_reasoning: bool | None = None
    input_cost_per_token: Any = None


class _Rule(Struct, frozen=True):
    """What holds for every name of some shape."""

    pattern: str
    model_info: _Entry = _Entry()


class _Rules(Struct, frozen=True):
    rules: tuple[_Rule, ...] = ()


_JSON_MODE = frozenset({"openai", "azure", "mistral", "groq", "deepseek", "together_ai", "fireworks_ai", "ollama_chat"})


def capabilities(model: Model | str) -> Capabilities:
    """What ``model`` can do, by its own word or by its name. Never fails and never imports LiteLLM.

    >>> capabilities("openai/gpt-5-mini").output, capabilities("openai/nobody-knows-me").output
    ('native', 'prompt')
    """
    if isinstance(model, str):
        return _named(model)
    return model.capabilities if isinstance(model, Capable) else _named(model.name)


_learned: dict[tuple[str, str | None], dict[str, Any]] = {}


def learn(name: str, base_url: str | None, **facts: Any) -> None:
    """The model there turned out to be otherwise than listed: until the process ends, this holds of it."""
    _learned.setdefault((name, base_url), {}).update(facts)


def seen(name: str, base_url: str | None) -> Capabilities:
    """What the list says of a model, corrected by what was learned of it at this address."""
    listed = _named(name)
    learned = _learned.get((name, base_url))
    return listed if learned is None else msgspec.structs.replace(listed, **learned, seen=frozenset(learned))


def refused_level(said: str, known: Capabilities) -> OutputLevel | None:
    """The next lower level that the model has, if ``said`` (a provider's complaint) is that its level is not there.

    >>> refused_level("This response_format type is unavailable now", Capabilities(output="native", tools=True))
    'tool'
    >>> refused_level("This response_format type is unavailable now", Capabilities(output="native"))
    'json'
    """
    if known.output == "prompt" or not (NO_TOOLS if known.output == "tool" else _NO_FORMAT).search(said):
        return None
    if known.output == "native":
        return "tool" if known.tools else "json"
    return "json" if known.output == "tool" else "prompt"


NO_TOOLS = re.compile(
    r"(not support|unsupported|not available|not enabled)[^.]{0,40}\b(tools?|function call)|"
    r"\b(tools?|function call\w*)\b[^.]{0,40}(not supported|unsupported|is not available|auto.tool.choice)",
    re.IGNORECASE,
)
"""What a provider says where a model calls no tools."""
_NO_FORMAT = re.compile(r"response_format|json_schema|json_object|structured output|json mode|guided", re.IGNORECASE)


def is_priced(provider: str, model: str) -> bool:
    """Whether the list has a price for the model of this provider; a guess by its name is none."""
    entry = _entry(provider, model)
    return entry is not None and entry.input_cost_per_token is not None


def listed(provider: str, model: str) -> dict[str, Any] | None:
    """All that the list says of the model; read anew from the file, so keep what you need of it."""
    entry = _entry(provider, model)
    if entry is None:
        return None
    raw = _raw()
    return msgspec.json.decode(raw.get(f"{provider}/{model}") or raw[model])


def speaks_responses(provider: str, model: str) -> bool:
    """Whether LiteLLM asks for the model by OpenAI's Responses API, as it has no other."""
    entry = _entry(provider, model)
    return entry is not None and entry.mode == "responses"


@lru_cache(maxsize=1024)
def _named(name: str) -> Capabilities:
    provider, slash, model = name.partition("/")
    entry = _entry(provider, model) if slash else _list()[0].get(name)
    known = [each for each in (entry, *_matching(name)) if each is not None]
    if not known:
        return Capabilities()
    tokens = _first(known, "max_input_tokens")
    return Capabilities(
        output=_output(known, provider),
        tools=_first(known, "supports_function_calling"),
        images=bool(_first(known, "supports_vision")),
        reasoning=bool(_first(known, "supports_reasoning")),
        context_tokens=tokens if isinstance(tokens, int) else None,
    )


def _output(known: Sequence[_Entry], provider: str) -> OutputLevel:
    if _first(known, "supports_response_schema"):
        return "native"
    if _first(known, "supports_function_calling"):
        return "tool"
    return "json" if provider in _JSON_MODE else "prompt"


def _first(known: Sequence[_Entry], name: str) -> Any:
    return next((value for each in known if (value := getattr(each, name)) is not None), None)


def _entry(provider: str, model: str) -> _Entry | None:
    listed = _list()[0]
    if (entry := listed.get(f"{provider}/{model}")) is not None:
        return entry
    entry = listed.get(model)
    belongs = entry is not None and (entry.litellm_provider or "").split("-")[0].startswith(provider.split("_")[0])
    return entry if belongs else None


def _matching(name: str) -> list[_Entry]:
    return [rule.model_info for rule in _list()[1] if re.search(rule.pattern, name)]


@lru_cache(maxsize=1)
def _list() -> tuple[dict[str, _Entry], tuple[_Rule, ...]]:
    """Empty where the file is not what it was: then nothing is known, and nothing breaks."""
    try:
        raw = _raw()
        rules = msgspec.json.decode(raw.pop("fallback_generalizations", b"{}"), type=_Rules)
    except (OSError, msgspec.MsgspecError):
        return {}, ()
    return {name: entry for name, value in raw.items() if (entry := _read(value)) is not None}, rules.rules


def _raw() -> dict[str, msgspec.Raw]:
    spec = find_spec("litellm")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    return msgspec.json.decode((folder / _FILE).read_bytes(), type=dict[str, msgspec.Raw])


_FILE = "model_prices_and_context_window_backup.json"


def _read(value: msgspec.Raw) -> _Entry | None:
    try:
        return msgspec.json.decode(value, type=_Entry)
    except msgspec.MsgspecError:
        return None
