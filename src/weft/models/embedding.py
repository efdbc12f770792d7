"""Which embedder a name means, and how others' embedders become ours."""

from functools import cache
from typing import Any

from weft.errors import UsageError
from weft.models.ports import Embedder


def embedder(named: "str | Embedder | Any") -> Embedder:
    """``minilm`` (without a network), LiteLLM's name for a model, an ``Embedder``, or LangChain's ``Embeddings``.

    >>> embedder("openai/text-embedding-3-small").name
    'openai/text-embedding-3-small'
    >>> embedder("minilm").name
    'minilm'

    Raises:
        UsageError: it is none of these.
    """
    if named == "minilm":
        return _minilm()
    if isinstance(named, str):
        from weft.models.endpoint import Endpoint  # noqa: PLC0415

        return Endpoint(named)
    given: Any = named
    if callable(getattr(given, "aembed_documents", None)):
        from weft.models.langchain import LangChainEmbedder  # noqa: PLC0415

        return LangChainEmbedder(given)
    if callable(getattr(given, "embed", None)):
        return given
    raise UsageError(f"{type(given).__name__} makes no vectors: name a model, or give an Embedder or LangChain's")


@cache
def _minilm() -> Embedder:
    """One for all: it holds 90 MB."""
    from weft.models.minilm import MiniLM  # noqa: PLC0415  # each opens what only who needs it has

    return MiniLM()
