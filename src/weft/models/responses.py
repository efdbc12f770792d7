"""What LiteLLM 1.106 loses of answers of OpenAI's Responses API: thoughts, refusals, spaces, ids, odd items."""

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

_BRIDGE = "litellm.completion_extras.litellm_responses_transformation.transformation"
_ITEMS = "litellm.responses.litellm_completion_transformation.transformation"
_BETWEEN = "\n\n"
"""Thoughts are paragraphs under headings of their own; run together, they are neither."""
_INDEX = re.compile(r"call_\d{1,6}")
"""An id that begins anew with each answer, as Bedrock gives it; longer ones are OpenAI's, even if all are digits."""


def mend_responses(library: Any) -> None:
    """See ``mends.mend``."""
    _all_items(library)
    _own_ids()
    _space_between_thoughts(library)
    _words_of_errors()


def _all_items(library: Any) -> None:
    """Of several thoughts all but those right before the words are dropped; an answer without words is an error."""
    there: Any = importlib.import_module(_BRIDGE)
    owner: Any = there.LiteLLMResponsesTransformationHandler
    name = "_convert_response_output_to_choices"
    convert: Callable[..., list[Any]] = getattr(owner, name)

    def converted(*args: Any, **options: Any) -> list[Any]:
        choices = convert(*args, **options)
        output: list[Any] = options.get("output_items") or args[0]
        if output and not choices:
            message = library.Message(role="assistant", content=None)
            choices = [library.Choices(message=message, finish_reason="stop", index=0)]
        items = there._reasoning_items_from_output_items(output)
        if choices and (refused := "".join(_refusals(output))):
            choices[0].message.provider_specific_fields = {"refusal": refused}
        if choices and items:
            words = [block["text"] for item in items for block in item["summary"] if block.get("text")]
            choices[0].message.reasoning_content = _BETWEEN.join(words) or None
            choices[0].message.reasoning_items = list(items)
        return choices

    setattr(owner, name, staticmethod(converted))


def _words_of_errors() -> None:
    """OpenAI's ``error`` event has its code and its words in itself, and they are looked for one below."""
    owner: Any = importlib.import_module("litellm.responses.streaming_iterator").BaseResponsesAPIStreamingIterator
    look: Callable[..., None] = owner._maybe_raise_for_error_event

    def _maybe_raise_for_error_event(self: Any, result: Any) -> None:
        flat = _of(result, "message")
        if _of(result, "type") == "error" and _of(result, "error") is None and flat:
            raise self._map_error_event_exception({"message": flat, "code": _of(result, "code")})
        look(self, result)

    owner._maybe_raise_for_error_event = _maybe_raise_for_error_event


def _refusals(output: list[Any]) -> Iterator[str]:
    """The words of parts that refuse, which are passed over too."""
    for item in output:
        parts: Any = _of(item, "content") if _of(item, "type") == "message" else ()
        for part in parts or ():
            if _of(part, "type") == "refusal":
                yield str(_of(part, "refusal") or "")


def _of(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # LiteLLM gives both


def _own_ids() -> None:
    """An id of digits only is taken for a mere number, and another one put in its place, which OpenAI does not know."""
    owner: Any = importlib.import_module(_ITEMS).LiteLLMCompletionResponsesConfig

    def id_of(item_id: str | None, call_id: str | None) -> str:
        if call_id and not _INDEX.fullmatch(call_id):
            return call_id
        return item_id or call_id or ""

    owner.tool_call_id_from_responses_item = staticmethod(id_of)
    owner._tool_call_id_from_responses_item = staticmethod(id_of)


def _space_between_thoughts(library: Any) -> None:
    """The event at which a further thought begins is passed over."""
    owner: Any = importlib.import_module(_BRIDGE).OpenAiResponsesToChatCompletionStreamIterator
    parse: Callable[..., Any] = owner.chunk_parser

    def chunk_parser(self: Any, chunk: Any) -> Any:
        parsed = parse(self, chunk)
        if chunk.get("type") == "response.reasoning_summary_part.added":
            if getattr(self, "_weft_thinks", False):
                parsed.choices[0].delta = library.types.utils.Delta(reasoning_content=_BETWEEN)
            self._weft_thinks = True
        elif chunk.get("type") == "response.refusal.delta":
            parsed.choices[0].delta = library.types.utils.Delta(refusal=chunk.get("delta") or "")
        return parsed

    owner.chunk_parser = chunk_parser
