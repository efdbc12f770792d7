"""Who speaks OpenAI's chat format, where, with whose key: the servers that the direct door finds by their name."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from weft.errors import UsageError
from weft.models.capabilities import is_priced
from weft.models.wire import Dialect, dialect

PROVIDERS: dict[str, tuple[str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together_ai": ("https://api.together.ai/v1", "TOGETHERAI_API_KEY"),
    "fireworks_ai": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "nvidia_nim": ("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "moonshot": ("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "litellm_proxy": ("http://127.0.0.1:4000/v1", "LITELLM_PROXY_API_KEY"),
    "ollama": ("http://127.0.0.1:11434/v1", None),
    "ollama_chat": ("http://127.0.0.1:11434/v1", None),
    "lm_studio": ("http://127.0.0.1:1234/v1", None),
    "hosted_vllm": ("http://127.0.0.1:8000/v1", None),
    "vllm": ("http://127.0.0.1:8000/v1", None),
    "llama.cpp": ("http://127.0.0.1:8080/v1", None),
}
"""Provider, by LiteLLM's name for it: its address, and the variable of its key."""

_DIALECTS: dict[str, Dialect] = {"gemini": "google", "ollama": "content"}
"""Where OpenAI's format wants thoughts back in another way than the provider's own format does."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a model is asked for, and how its server is spoken to."""

    url: str
    """Of its chat completions."""
    proxy: str | None
    provider: str
    model: str
    """As the server knows it."""
    dialect: Dialect
    priced: bool
    variable: str | None
    """The environment variable of the key, where the address is the provider's own."""


@lru_cache(maxsize=1024)
def place(name: str, base_url: str | None) -> Place:
    """Where the model of that name is, at ``base_url`` or at its provider's own address.

    >>> place("groq/llama-3.3-70b", None).url, place("qwen3", "http://127.0.0.1:8000/v1/").model
    ('https://api.groq.com/openai/v1/chat/completions', 'qwen3')

    Raises:
        UsageError: nobody known by that name speaks OpenAI's format, or the address is none.
    """
    provider, slash, model = name.partition("/")
    known = PROVIDERS.get(provider) if slash and model else None
    if known is None:
        if base_url is None:
            raise UsageError(
                f"the direct door does not know where {name!r} is: give base_url, or one of "
                f"{', '.join([f'{each}/' for each in PROVIDERS])}; LiteLLM reaches the others"
            )
        provider, model = "openai", name
    address = (base_url or (known[0] if known is not None else "")).rstrip("/")
    if not _is_address(address):
        raise UsageError(f"base_url={base_url!r} is no address: it begins with http:// or https://")
    return Place(
        url=f"{address}/chat/completions",
        proxy=_proxy(address),
        provider=provider,
        model=model,
        dialect=_DIALECTS.get(provider) or dialect(provider, model, base_url),
        priced=is_priced(provider, model),
        variable=known[1] if known is not None and base_url is None else None,
    )


def _is_address(url: str) -> bool:
    """
    >>> _is_address("http://127.0.0.1:8000/v1"), _is_address("127.0.0.1"), _is_address("http://a:99999")
    (True, False, False)
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _proxy(address: str) -> str | None:
    """The proxy that the environment asks for; looked up once, as it is slow."""
    import urllib.request as http  # noqa: PLC0415  # heavy: only who calls a provider needs it

    parts = urlsplit(address)
    proxies: dict[str, Any] = http.getproxies()
    return None if http.proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme)
