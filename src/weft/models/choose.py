"""Which model answers when nobody named one: a key in the environment, a server on this machine, or the demo.

Nothing here imports LiteLLM: a model is chosen before the first call, not by it.
"""

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal

from weft.errors import UsageError
from weft.models.base import Model
from weft.models.demo import Demo
from weft.models.direct import PREFIX, Direct
from weft.models.keys import Secret
from weft.models.litellm import LiteLLM
from weft.models.router import PREFIX as ROUTER
from weft.models.router import Group

KEYS: tuple[tuple[str, str], ...] = (
    ("OPENAI_API_KEY", "openai/gpt-5-mini"),
    ("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-6"),
    ("GEMINI_API_KEY", "gemini/gemini-flash-latest"),
    ("GOOGLE_API_KEY", "gemini/gemini-flash-latest"),
    ("MISTRAL_API_KEY", "mistral/mistral-large-latest"),
    ("DEEPSEEK_API_KEY", "deepseek/deepseek-v4-flash"),
    ("GROQ_API_KEY", "groq/openai/gpt-oss-120b"),
    ("XAI_API_KEY", "xai/grok-4.5"),
    ("OPENROUTER_API_KEY", "openrouter/openai/gpt-5-mini"),
    ("COHERE_API_KEY", "cohere_chat/command-a-03-2025"),
)
"""The first of these that is set decides, and its model is asked."""

SERVERS: tuple[tuple[str, int], ...] = (("Ollama", 11434), ("LM Studio", 1234), ("vLLM", 8000), ("llama.cpp", 8080))
"""Model servers and the ports that they listen on when nobody says otherwise."""


def choose(
    name: str | None = None,
    *,
    env: Mapping[str, str],
    dotenv: str | Path | None = None,
    probe: bool = False,
    servers: Sequence[tuple[str, int]] = SERVERS,
    timeout: float = 0.3,
) -> tuple[Model, str]:
    """The model to use, and why, in words for a person.

    Args:
        name: the model that somebody asked for; it is always taken.
        env: the environment; ``dotenv``, a file of further lines of ``NAME=value`` that it overrides.
        probe: whether to ask for a model server on this machine: this waits up to ``timeout`` seconds, so it is
            not for a running event loop.

    >>> choose(env={})[1]
    'no key and no model were given: this is the demo model'
    """
    if name:
        return resolve(name), f"{name} was asked for"
    known = {**read_dotenv(dotenv), **env} if dotenv is not None else env
    for variable, model in KEYS:
        if known.get(variable):
            return LiteLLM(model, api_key=_Kept(known[variable])), f"{variable} is set"
    if probe and (found := _local(servers, timeout)) is not None:
        return found
    return Demo(), "no key and no model were given: this is the demo model"


@cache
def at_hand() -> tuple[Model, str]:
    """The model for all who named none, and why: ``WEFT_MODEL``, then the ladder. Decided once in a process."""
    known = {**read_dotenv(".env"), **os.environ}
    name, base_url = known.get("WEFT_MODEL"), known.get("WEFT_BASE_URL")
    if name and base_url:
        return resolve(name, base_url=base_url), f"{name} at {base_url} was asked for"
    return choose(name, env=known, probe=True)


def resolve(
    model: str | Model,
    *,
    base_url: str | None = None,
    api_key: str | Secret | None = None,
    via: Literal["litellm", "direct"] = "litellm",
) -> Model:
    """The model of that name; a model is given back as it is.

    Args:
        model: ``router:`` before it says that it is a group of the live router.
        via: the door. ``direct`` is for servers that speak OpenAI's format, and is what ``direct:`` before a name says.

    Raises:
        UsageError: no name, an address for a model that has one already, or nobody known there speaks that format.

    >>> resolve("demo").name, resolve("openai/gpt-5-mini").name, resolve("direct:openai/gpt-5-mini").name
    ('demo', 'openai/gpt-5-mini', 'openai/gpt-5-mini')
    """
    if not isinstance(model, str):
        if base_url is not None or api_key is not None:
            raise UsageError(f"base_url and api_key go with a model's name; {model.name!r} is a model already")
        return model
    if not model.strip():
        raise UsageError("a model needs a name, such as 'openai/gpt-5-mini' or 'demo'")
    if model == "demo" and base_url is None:
        return Demo()
    name = model.strip()
    if name.startswith(ROUTER):
        return Group(name.removeprefix(ROUTER))
    if via == "direct" or name.startswith(PREFIX):
        return Direct(name.removeprefix(PREFIX), base_url, api_key=api_key)
    return LiteLLM(name, base_url, api_key=api_key)


def read_dotenv(path: str | Path) -> dict[str, str]:
    """The names and values of a ``.env`` file; none where there is no file. Nothing is put into the environment."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    read: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            read[name.strip()] = _unquoted(value.strip())
    return read


def _unquoted(value: str) -> str:
    """
    >>> _unquoted('"a # b"'), _unquoted("plain # said")
    ('a # b', 'plain')
    """
    if len(value) > 1 and value[0] in "\"'" and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return value.partition(" #")[0].strip()


class _Kept:
    """A key that shows itself to nobody but the door that needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


def _local(servers: Sequence[tuple[str, int]], timeout: float) -> tuple[Model, str] | None:
    with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
        asked = [pool.submit(_offered, port, timeout) for _, port in servers]
        offers = [each.result() for each in asked]
    for (server, port), models in zip(servers, offers, strict=True):
        if models:
            url = f"http://127.0.0.1:{port}/v1"
            return LiteLLM(f"openai/{models[0]}", url), f"{server} on port {port} offers {models[0]}"
    return None


def _offered(port: int, timeout: float) -> list[str]:
    """The chat models of a server on loopback, none where nobody answers in time."""
    http: Any = importlib.import_module("urllib.request")  # not at the top: most programs never ask
    opener = http.build_opener(http.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/v1/models", timeout=timeout) as reply:
            told: Any = json.loads(reply.read(1_000_000))
        return [str(each["id"]) for each in told["data"] if "embed" not in str(each["id"]).lower()]
    except (OSError, ValueError, KeyError, TypeError):
        return []
