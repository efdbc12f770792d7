"""Guards at work: the hook that shows them what goes to a model or a tool and comes back, and does what they say."""

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from weft import events
from weft.agents.guards import Ask as Asks
from weft.agents.guards import Block, Change, Check, Decided, Guard, Looked, as_guard
from weft.agents.hooks import Act, Ask, Hook
from weft.engine.context import Context, ask_as
from weft.errors import Blocked, ToolRefused, UsageError
from weft.events import Stage
from weft.messages import Json, Message, Reasoning, Text, ToolCall, ToolResult, Usage, assistant
from weft.models.base import Answer, Piece, Request
from weft.models.shape import FINAL
from weft.security.redaction import Redactor, Streamed

REMEMBERED = 4_096
"""Messages whose redacted form is kept, so that a long conversation is not looked at anew in each turn."""
NO_USAGE = Usage()


class _Outcome(NamedTuple):
    """What is left of something that guards looked at: its value, or who blocked it."""

    value: Any
    block: Block | None = None
    by: str = ""


class Guarding(Hook):
    """All guards of an agent, in their order: each sees what those before it left."""

    def __init__(self, guards: Sequence[Guard | Check]) -> None:
        named: dict[str, Guard] = {}
        for given in map(as_guard, guards):
            name, count = given.name or type(given).__name__, 1
            while name in named:
                count += 1
                name = f"{given.name}#{count}"
            named[name] = given
        self._of: dict[Stage, list[tuple[str, Guard]]] = {
            stage: [each for each in named.items() if stage in each[1].stages]
            for stage in ("input", "output", "call", "result")
        }
        output = self._of["output"]
        redactors = [one.redactor for _, one in output if one.redactor is not None]
        self._streams: list[Redactor] | None = redactors if len(redactors) == len(output) else None
        """How pieces are redacted as they come; ``None`` where they must wait for the whole."""
        self._known: OrderedDict[tuple[str, int], str] = OrderedDict()

    # Around a model

    async def around_model(self, ctx: Context[Any], request: Request, next: Ask) -> AsyncGenerator[Piece | Answer]:
        """Raises: Blocked."""
        if self._of["input"]:
            outcome = await self._told(ctx, request)
            if outcome.block is not None:
                yield _instead(ctx, outcome)
                return
            request = outcome.value
        stream = cast("AsyncGenerator[Piece | Answer]", next(request))
        async with aclosing(self._heard_out(ctx, stream) if self._of["output"] else stream) as pieces:
            async for piece in pieces:
                yield piece

    async def _heard_out(
        self, ctx: Context[Any], stream: AsyncGenerator[Piece | Answer]
    ) -> AsyncGenerator[Piece | Answer]:
        """What the model says, as far as the guards let it. Raises: Blocked."""
        answer: Answer | None = None
        saying = _Saying(self._streams or ())
        async with aclosing(stream):
            async for piece in stream:
                if isinstance(piece, Answer):
                    answer = piece
                elif self._streams is not None and (said := saying.feed(piece)) is not None:
                    yield said
        if answer is None:
            return
        checked = await self._said(ctx, answer)
        for piece in saying.end() if self._streams is not None else _pieces(checked.message):
            yield piece
        yield checked

    async def _told(self, ctx: Context[Any], request: Request) -> _Outcome:
        """The request as the model may see it. What was said before this turn is only changed or withheld."""
        messages = list(request.messages)
        answered = False
        for index in range(len(messages) - 1, -1, -1):
            message = messages[index]
            if message.role == "assistant":
                answered = True
            if message.role != "user":
                continue
            replied = index + 1 < len(messages) and messages[index + 1].role == "assistant"
            outcome = await self._heard(ctx, message, new=not answered, replied=replied)
            if outcome.block is not None:
                return outcome
            messages[index] = outcome.value
            answered = True
        return _Outcome(replace(request, messages=messages))

    async def _heard(self, ctx: Context[Any], message: Message, *, new: bool, replied: bool) -> _Outcome:
        parts = list(message.parts)
        for at, part in enumerate(parts):
            if not isinstance(part, Text):
                continue
            known = None if new else self._known.get((message.id, at))
            if known is None:
                outcome = await self._look(ctx, "input", part.text, quiet=not new, replied=replied)
                if outcome.block is not None and new:
                    return outcome
                known = outcome.value if outcome.block is None else f"[withheld by the guard {outcome.by}]"
                self._remember((message.id, at), known)
            if known != part.text:
                parts[at] = replace(part, text=known)
        return _Outcome(replace(message, parts=tuple(parts)))

    def _remember(self, key: tuple[str, int], text: str) -> None:
        self._known[key] = text
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _said(self, ctx: Context[Any], answer: Answer) -> Answer:
        """The answer, once all have looked at it. Raises: Blocked."""
        message = answer.message
        final = next((part for part in message.parts if isinstance(part, ToolCall) and part.name == FINAL), None)
        text = message.text if final is None else _json(final.arguments)
        outcome = await self._look(ctx, "output", text) if text else _Outcome(text)
        if outcome.block is not None:
            if outcome.block.answer is None:
                raise Blocked(_words(outcome))
            said = assistant(outcome.block.answer)
            return replace(answer, message=replace(said, id=message.id), finish="content_filter", logprobs=())
        parts = self._thoughts(message)
        if outcome.value != text:
            parts = _retold(parts, outcome.value, final)
        if parts == message.parts:
            return answer
        return replace(answer, message=replace(message, parts=parts), logprobs=())

    def _thoughts(self, message: Message) -> tuple[Any, ...]:
        """What the model thought is redacted too; a thought that was changed has no signature any more."""
        redactors = [one.redactor for _, one in self._of["output"] if one.redactor is not None]
        if not redactors or not any(isinstance(part, Reasoning) for part in message.parts):
            return message.parts
        return tuple([_thought(part, redactors) if isinstance(part, Reasoning) else part for part in message.parts])

    # Around a tool

    async def around_tool(self, ctx: Context[Any], call: ToolCall, next: Act) -> ToolResult:
        """Raises: ToolRefused."""
        if self._of["call"] and call.invalid is None:
            outcome = await self._look(ctx, "call", _json(call.arguments), call=call)
            if outcome.block is not None:
                raise ToolRefused(_words(outcome))
            if outcome.value is not call.arguments:
                call = replace(call, arguments=outcome.value)
        result = await next(call)
        if self._of["result"] and result.content:
            outcome = await self._look(ctx, "result", result.content, tool=call)
            if outcome.block is not None:
                return ToolResult(call.id, call.name, f"[withheld: {_words(outcome)}]", failed=True)
            if outcome.value != result.content:
                result = replace(result, content=outcome.value)
        return result

    # What they decide

    async def _look(
        self,
        ctx: Context[Any],
        stage: Stage,
        text: str,
        *,
        call: ToolCall | None = None,
        tool: ToolCall | None = None,
        quiet: bool = False,
        replied: bool = False,
    ) -> _Outcome:
        """Show it to each guard of the stage; of a ``call`` the value is its arguments, else text.

        With ``quiet`` it was decided in a turn before: nothing is told or asked, and what a person was asked
        about then may pass if the model ``replied`` to it.
        """
        value: Any = text if call is None else call.arguments
        about = call or tool
        for name, each in self._of[stage]:
            arguments = None if call is None else cast("Json", value)
            shown = text if call is None else _json(value)
            seen = Looked(
                stage=stage, text=shown, tool="" if about is None else about.name, arguments=arguments, ctx=ctx
            )
            decided = await each.look(seen)
            if isinstance(decided, Asks):
                past = None if replied else Block(decided.reason)
                decided = past if quiet else _asked(ctx, stage, name, decided, seen)
            elif not quiet:
                _tell(ctx, stage, name, decided, about)
            if isinstance(decided, Block):
                return _Outcome(value, decided, name)
            if isinstance(decided, Change):
                value = _fitting(name, decided.value, of_call=call is not None)
                text = text if call is not None else value
        return _Outcome(value)


def _tell(ctx: Context[Any], stage: Stage, name: str, decided: Decided, about: ToolCall | None) -> None:
    if decided is None:
        ctx.emit(events.GuardPassed(name, stage))
    elif not isinstance(decided, Asks):
        what = "change" if isinstance(decided, Change) else "block"
        ctx.emit(events.GuardDecided(name, stage, what, decided.reason, None if about is None else about.id))


def _asked(ctx: Context[Any], stage: Stage, name: str, asks: Asks, seen: Looked) -> Decided:
    """What a person says of it. Raises: UsageError, where it is too late to ask."""
    if stage not in ("input", "call"):
        raise UsageError(f"guard {name!r} asks about {stage}: it has happened already, so change or block it instead")
    payload = {"question": f"The guard {name} asks: {asks.reason}. Let it pass?", "guard": name, "stage": stage}
    payload |= {"text": seen.text} | ({"tool": seen.tool} if seen.tool else {})
    passed = ask_as(ctx, "question", f"guard/{name}", payload, {"type": "boolean"})
    answered = "a person let it pass" if passed else "a person said no"
    ctx.emit(events.GuardDecided(name, stage, "ask", f"{asks.reason}; {answered}"))
    return None if passed else Block(f"{asks.reason}; {answered}")


def _fitting(name: str, value: Any, *, of_call: bool) -> Any:
    if isinstance(value, dict) if of_call else isinstance(value, str):
        return value  # pyright: ignore[reportUnknownVariableType]  # JSON
    wanted = "arguments as a dict" if of_call else "text"
    raise UsageError(f"guard {name!r} changes to {type(value).__name__}, and not to {wanted}")


def _instead(ctx: Context[Any], outcome: _Outcome) -> Answer:
    """The answer that a guard gives in the model's place, on record like one of a model. Raises: Blocked."""
    block = outcome.block
    assert block is not None
    if block.answer is None:
        raise Blocked(_words(outcome))
    name = f"guard:{outcome.by}"
    ctx.emit(events.ModelStarted(name))
    ctx.emit(events.ModelFinished(name, NO_USAGE, time.time(), None, "content_filter"))
    return Answer(message=assistant(block.answer), model=name, finish="content_filter")


def _words(outcome: _Outcome) -> str:
    reason = "" if outcome.block is None else outcome.block.reason
    return f"the guard {outcome.by!r} stopped this: {reason}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _retold(parts: tuple[Any, ...], text: str, final: ToolCall | None) -> tuple[Any, ...]:
    """The parts with other words: those of the first text, or the arguments of the final answer."""
    if final is not None:
        arguments = msgspec.json.decode(text)
        return tuple([replace(part, arguments=arguments) if part is final else part for part in parts])
    told: list[Any] = []
    for part in parts:
        if not isinstance(part, Text):
            told.append(part)
        elif text:
            told.append(replace(part, text=text))
            text = ""
    return tuple(told)


def _thought(part: Reasoning, redactors: Sequence[Redactor]) -> Reasoning:
    text = part.text
    for redactor in redactors:
        text = redactor.whole(text)
    return part if text == part.text else Reasoning(text)


def _pieces(message: Message) -> list[Piece]:
    """A message that was held back, as the pieces of a stream."""
    pieces: list[Piece] = []
    for part in message.parts:
        if isinstance(part, Text | Reasoning) and part.text:
            pieces.append(Piece(part.text, "text" if isinstance(part, Text) else "reasoning"))
    return pieces


class _Saying:
    """A stream that is redacted on its way: words and thoughts apart."""

    def __init__(self, redactors: Sequence[Redactor]) -> None:
        self._redactors = redactors
        self._chains: dict[Any, list[Streamed]] = {}

    def feed(self, piece: Piece) -> Piece | None:
        """What can be said of it now, if anything."""
        text = piece.text
        for each in self._chains.setdefault(piece.kind, [one.stream() for one in self._redactors]):
            text = each.feed(text) if text else ""
        return Piece(text, piece.kind) if text else None

    def end(self) -> list[Piece]:
        """The rest."""
        pieces: list[Piece] = []
        for kind, chain in self._chains.items():
            text = ""
            for each in chain:
                text = (each.feed(text) if text else "") + each.end()
            if text:
                pieces.append(Piece(text, kind))
        return pieces
