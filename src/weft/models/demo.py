"""A model that needs no key and no network, so that everything else can be tried before one is chosen.

It is no language model: it compares words (``guess``), calls the tools it is given, tells what they said, fills
schemas, remembers what was said of a person, and otherwise says plainly what it is and how to get a real one.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from weft.ids import new_id
from weft.messages import Message, Part, Reasoning, Text, ToolCall, ToolResult, Usage
from weft.models.base import Answer, Piece, Request
from weft.models.capabilities import Capabilities
from weft.models.guess import Guess, known_in, matching
from weft.models.prices import FREE, Price

LABEL = "[demo] "
"""Every sentence of this model begins so."""

_HELP = (
    "I am Weft's demo model: I run without a key and without a network, and I only match words. "
    "I can call tools, fill schemas and remember what you tell me of yourself. "
    "For a real model, set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or give a model by name: "
    'model="openai/gpt-5-mini", or "ollama_chat/qwen3" for one on your own machine.'
)
_ME = re.compile(r"\b(?:my name is|i am called|call me|i am|i'm)\s+([A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)", re.IGNORECASE)
_FACT = re.compile(r"\bmy ([\w ]{2,30}?) (?:is|are) ([^.!?,;\n]{1,80})", re.IGNORECASE)
_ASKED = re.compile(r"\b(?:what|who|where|when)(?:'s| is| are| was| were)? my ([\w ]{2,30}?)\s*\?", re.IGNORECASE)
_WHO_AM_I = re.compile(r"\bwho am i\b|\bdo you (?:know|remember) (?:me|my name)\b", re.IGNORECASE)
_HELLO = re.compile(r"^\W*(hi|hello|hey|good (morning|evening|day))\b", re.IGNORECASE)
_WORDS = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo model. The same context gives the same answer.

    >>> from weft.messages import user
    >>> async def said():
    ...     async for last in Demo(delay=0).answer(Request(messages=[user("I am Ada"), user("What is my name?")])):
    ...         pass
    ...     return last.message.text
    >>> asyncio.run(said())
    '[demo] Your name is Ada.'
    """

    delay: float = 0.02
    """Seconds between two words."""
    name: str = "demo"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(output="native", images=True, reasoning=True)

    @property
    def price(self) -> Price:
        return FREE

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """See ``Model.answer``."""
        parts = _parts(request)
        said = 0
        for part in parts:
            if isinstance(part, Text | Reasoning):
                for words in _WORDS.findall(part.text):
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    said += 1
                    yield Piece(words, "text" if isinstance(part, Text) else "reasoning")
        yield Answer(
            message=Message(role="assistant", parts=parts),
            usage=Usage(requests=1, input_tokens=_size(request.messages), output_tokens=max(said, 1)),
            finish="tool_calls" if isinstance(parts[-1], ToolCall) else "stop",
            model=self.name,
        )


def _parts(request: Request) -> tuple[Part, ...]:
    """What to do next: call tools, report on them, fill the schema, or talk."""
    text, results = _turn(request.messages)
    calls = [] if results else _calls(text, request)
    if calls:
        named = " and ".join(dict.fromkeys(call.name for call in calls))
        return (Reasoning(f"The words ask for {named}, so I call {'it' if len(calls) == 1 else 'them'}."), *calls)
    if request.output is not None:
        known = {name: value for result in results for name, value in known_in(result.content).items()}
        source = " ".join([text, *(result.content for result in results if not known_in(result.content))])
        filled = Guess(source, known).fill(request.output.schema)
        return (
            Reasoning(f"I fill {request.output.name} from these words."),
            Text(json.dumps(filled, ensure_ascii=False)),
        )
    if results:
        return (Text(LABEL + " ".join([_report(result) for result in results])),)
    return (Text(LABEL + _talk(text, request)),)


def _turn(messages: Sequence[Message]) -> tuple[str, list[ToolResult]]:
    """What the user last said, and what tools have given back since."""
    results: list[ToolResult] = []
    for message in reversed(messages):
        results[:0] = message.tool_results
        if message.role == "user" and message.text:
            return message.text, results
    return "", results


def _calls(text: str, request: Request) -> list[ToolCall]:
    found = matching(text, request.tools)
    calls: list[ToolCall] = []
    for tool in found:
        arguments = Guess(text).fill({"type": "object", **tool.parameters})
        calls.append(ToolCall(id=new_id("call"), name=tool.name, arguments=arguments))
    return calls


def _report(result: ToolResult) -> str:
    if result.failed:
        return f"{result.name} failed: {result.content.strip()}"
    known = known_in(result.content)
    told = ", ".join([f"{name} {value}" for name, value in known.items()]) if known else result.content.strip()
    shown = told if len(told) <= 600 else told[:600] + " ..."
    return f"{result.name} says: {shown}{'' if shown.endswith(('.', '!', '?')) else '.'}"


def _talk(text: str, request: Request) -> str:
    told = _told(request.messages)
    if asked := _ASKED.search(text):
        what = asked.group(1).strip().lower()
        return f"Your {what} is {told[what]}." if what in told else f"You have not told me your {what} yet."
    if _WHO_AM_I.search(text):
        return f"You are {told['name']}." if "name" in told else "You have not told me your name yet."
    if (me := _ME.search(text)) and me.group(1)[0].isupper():
        return f"Hello {me.group(1)}, I will remember that."
    if fact := _FACT.search(text):
        return f"I will remember that your {fact.group(1).lower()} is {fact.group(2).strip()}."
    hello = "Hello! " if _HELLO.search(text) else ""
    tools = [tool.name for tool in request.tools]
    offer = f" I have these tools: {', '.join(tools)}. Name one, and say what with." if tools else ""
    return f"{hello}{_HELP}{offer}"


def _told(messages: Sequence[Message]) -> dict[str, str]:
    """What the user said of themselves; the latest word counts."""
    told: dict[str, str] = {}
    for message in messages:
        if message.role != "user":
            continue
        for me in _ME.finditer(message.text):
            if me.group(1)[0].isupper():
                told["name"] = me.group(1)
        for fact in _FACT.finditer(message.text):
            told[fact.group(1).strip().lower()] = fact.group(2).strip()
    return told


def _size(messages: Sequence[Message]) -> int:
    """Tokens, roughly: four characters each."""
    return max(
        1, sum([len(part.text) for message in messages for part in message.parts if isinstance(part, Text)]) // 4
    )
