"""What LiteLLM 1.106 loses of Gemini's answers: what its own tools did, and to which words a proof of thought belongs.

A part of an answer that is neither words nor a call of ours goes back as it came. LiteLLM reads a few of them, takes
the first proof of any part for that of the words, and drops the others.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from weft.messages import Json
from weft.models.wire import GEMINI

_THEIRS = frozenset({"toolCall", "toolResponse", "executableCode", "codeExecutionResult"})


def mend_gemini() -> None:
    """See ``mends.mend``."""
    owner: Any = importlib.import_module(
        "litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini"
    ).VertexGeminiConfig
    owner._extract_thought_signatures_from_parts = _of_words
    owner._extract_server_side_tool_invocations = staticmethod(_of_their_tools)
    _no_end_that_was_not_said()
    there: Any = importlib.import_module("litellm.llms.vertex_ai.gemini.transformation")
    there.convert_to_gemini_tool_call_invoke = _with_their_tools(there.convert_to_gemini_tool_call_invoke)


def _no_end_that_was_not_said() -> None:
    """Each chunk of a stream is taken for the last one, so that a cut stream passes for an answer."""
    owner: Any = importlib.import_module(
        "litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini"
    ).ModelResponseIterator
    parse: Callable[..., Any] = owner.chunk_parser

    def chunk_parser(self: Any, chunk: Json) -> Any:
        parsed = parse(self, chunk)
        candidates: Sequence[Json] = chunk.get("candidates") or ()
        if parsed is not None and candidates and not any([each.get("finishReason") for each in candidates]):
            for choice in parsed.choices:
                choice.finish_reason = None
        return parsed

    owner.chunk_parser = chunk_parser


def _of_words(_: Any, parts: Sequence[Json]) -> list[str] | None:
    """The proofs that are not of a call, nor of one of Gemini's own tools."""
    proofs = [
        str(part["thoughtSignature"])
        for part in parts
        if part.get("thoughtSignature") and "functionCall" not in part and not part.keys() & _THEIRS
    ]
    return proofs or None


def _of_their_tools(parts: Sequence[Json]) -> list[Json] | None:
    return [dict(part) for part in parts if part.keys() & _THEIRS] or None


def _with_their_tools(convert: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def converted(message: Any, *args: Any, **options: Any) -> list[Any]:
        extras: Json = message.get("provider_specific_fields") or {}
        return [*convert(message, *args, **options), *extras.get(GEMINI, ())]

    return converted
