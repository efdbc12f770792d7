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
    images: bool = False
    reasoning: bool = False
    context_tokens: int | None = None
    """How many tokens may be sent; ``None`` where nobody says."""


@runtime_checkable
class Capable(Protocol):
    """A model that says itself what it can do."""

    @property
    def capabilities(self) -> Capabilities: ...


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
    output_cost_per_token: Any = None
    max_output_tokens: Any = None


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


def is_priced(provider: str, model: str) -> bool:
    """Whether the list has a price for the model of this provider; a guess by its name is none."""
    entry = _entry(provider, model)
    return entry is not None and entry.input_cost_per_token is not None


def listed_price(name: str) -> tuple[float, float, int | None] | None:
    """US dollars per token in and out by the list, and how many an answer has at most; ``None`` where it has no price.

    >>> listed_price("openai/nobody-knows-me") is None
    True
    """
    provider, slash, model = name.partition("/")
    entry = _entry(provider, model) if slash else _list()[0].get(name)
    if entry is None or not isinstance(entry.input_cost_per_token, int | float):
        return None
    out, most = entry.output_cost_per_token, entry.max_output_tokens
    price = float(out) if isinstance(out, int | float) else 0.0
    return float(entry.input_cost_per_token), price, most if isinstance(most, int) else None


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
    spec = find_spec("litellm")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    try:
        raw = msgspec.json.decode((folder / _FILE).read_bytes(), type=dict[str, msgspec.Raw])
        rules = msgspec.json.decode(raw.pop("fallback_generalizations", b"{}"), type=_Rules)
    except (OSError, msgspec.MsgspecError):
        return {}, ()
    return {name: entry for name, value in raw.items() if (entry := _read(value)) is not None}, rules.rules


_FILE = "model_prices_and_context_window_backup.json"


def _read(value: msgspec.Raw) -> _Entry | None:
    try:
        return msgspec.json.decode(value, type=_Entry)
    except msgspec.MsgspecError:
        return None
