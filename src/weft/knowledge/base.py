"""``Knowledge``: what a collection of documents is for agents and people; and what a search of it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from weft.documents.base import Limits
from weft.errors import UsageError
from weft.knowledge.cutting import SIZE
from weft.storage.knowledge_rows import DocumentRow
from weft.vectors.base import VectorIndex

if TYPE_CHECKING:
    from weft.models.ports import Embedder, Reranker

_WAY = 1
"""Of cutting: another number, and everything is cut again."""
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A collection of documents: ``Agent("helper", knowledge=[Knowledge("handbook")])``. It needs an ``App``.

    Raises:
        UsageError: it has no name, or a number of it makes no sense.
    """

    name: str
    _: KW_ONLY
    description: str = ""
    """What is in it, for a model that may search it."""
    embedder: Any = None
    """Who makes vectors, to search by meaning as well as by words: ``minilm``, a LiteLLM name, an ``Embedder``, or
    LangChain's ``Embeddings``."""
    index: VectorIndex | None = None
    """Where its vectors are found, if not in the memory of each process."""
    rerank: "str | Reranker | None" = None
    """A LiteLLM name or a model that puts what was found in order."""
    automatic: bool = False
    """Whether what fits is put before each thing a user says; else an agent has only the tool ``search_knowledge``."""
    tokens: int = 1_500
    """Of passages, about, in one answer of the tool or before what a user says."""
    most: int = 8
    """How many passages."""
    size: int = SIZE
    """Tokens of a piece, about."""
    limits: Limits = _LIMITS
    """How much of a document is read."""
    _embedder: "Embedder | None" = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 200 or not self.name.isprintable():
            raise UsageError(f"a collection of documents needs a name of up to 200 characters, not {self.name!r}")
        if self.size < 20 or self.tokens < 1 or self.most < 1:
            raise UsageError("a piece has at least 20 tokens, and what is found at least one passage and token")

    @property
    def recipe(self) -> str:
        """How its documents are cut and embedded: what was made by another one is made again."""
        return f"{_WAY}:{self.size}:{self.embedder_name or ''}"

    @property
    def embedder_name(self) -> str | None:
        made = self.embedder if isinstance(self.embedder, str) else self.embedding()
        return made if made is None or isinstance(made, str) else made.name

    def embedding(self) -> "Embedder | None":
        """Who makes its vectors.

        Raises:
            UsageError: nobody can.
        """
        if self.embedder is not None and self._embedder is None:
            from weft.models.embedding import embedder  # noqa: PLC0415  # only who searches by meaning needs it

            object.__setattr__(self, "_embedder", embedder(self.embedder))
        return self._embedder

    def ranking(self) -> "Reranker | None":
        """Who puts in order what was found."""
        if not isinstance(self.rerank, str):
            return self.rerank
        from weft.models.endpoint import Endpoint  # noqa: PLC0415  # only who ranks needs it

        return Endpoint(self.rerank)


class Passage(Struct, frozen=True, kw_only=True):
    """What fits a question, and where it stands."""

    n: int
    """Its number, by which an answer cites it: the same each time it is found."""
    text: str
    document: DocumentRow
    page: int | None
    """From 1, of a document that has pages, slides or sheets."""
    offset: int
    """Characters before it in the document's text."""
    path: str
    """The headings that it stands under."""
    score: float
    """Only comparable within one answer."""

    @property
    def citation(self) -> str:
        """Where it stands, in words: ``manual.pdf, page 3``."""
        return self.document.name if self.page is None else f"{self.document.name}, page {self.page}"


class Progress(Struct, frozen=True, kw_only=True):
    """How far the indexing of a folder is."""

    done: int
    """Files that are ready, were not changed, or failed."""
    total: int
    """Files of kinds that can be read, as far as they were looked at."""
    name: str = ""
    """What was dealt with last."""
    unchanged: int = 0
    failed: int = 0
    removed: int = 0


def fits(facts: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Whether the metadata of a document is as ``where`` says: equal, one of a list, or within limits.

    >>> fits({"year": 2024, "tags": ["a", "b"]}, {"year": {"gte": 2020, "lt": 2025}, "tags": "b"})
    True
    >>> fits({"year": 2024}, {"year": [2022, 2023]}), fits({}, {"year": 2024})
    (False, False)

    Raises:
        UsageError: a limit is none of gt, gte, lt, lte, ne.
    """
    return all([_fits(facts.get(name), wanted) for name, wanted in where.items()])


_LIMIT: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
}


def _fits(value: Any, wanted: Any) -> bool:
    values = several(value)
    if isinstance(wanted, dict):
        told = cast("dict[str, Any]", wanted)  # what a filter is made of, its checks below say
        return all([_within(values, how, limit) for how, limit in told.items()])
    return any([_equal(one, each) for one in values for each in several(wanted)])


def several(value: Any) -> Sequence[Any]:
    """A list as it is, all else as a list of one."""
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else [value]


def _within(values: Sequence[Any], how: str, limit: Any) -> bool:
    if how == "ne":
        return not any([_equal(one, limit) for one in values])
    if how not in _LIMIT:
        raise UsageError(f"{how!r} is no limit of metadata; there is gt, gte, lt, lte and ne")
    return any([_comparable(one, limit) and _LIMIT[how](one, limit) for one in values])


def _equal(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _comparable(one: Any, other: Any) -> bool:
    numbers = int | float
    return (isinstance(one, str) and isinstance(other, str)) or (
        isinstance(one, numbers) and isinstance(other, numbers)
    )
