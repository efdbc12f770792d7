"""Whose word it is that an agent keeps: what it read of tools is theirs, unless the user said so too."""

from typing import Any

from weft.engine.context import Context
from weft.memory.words import terms
from weft.messages import Message, Text, foreign
from weft.runtime.conversation import load_context, load_message
from weft.storage.base import Scope, Store
from weft.storage.memory_rows import Trust

_GROUNDED = 0.5
"""How much of a fact's words must be in the user's own, for it to count as drawn from them."""
_LATELY = 500
"""Messages of a run that are looked through."""
OWN = 2
"""The length of the path of a step of the run's own agent; that of one below it is longer."""


def own_words(message: Message) -> str:
    """What a person or the agent said, without what is somebody else's."""
    if message.role not in ("user", "assistant"):
        return ""
    own = [part.text for part in message.parts if isinstance(part, Text) and not part.source]
    return " ".join(" ".join(own).split())


def grounded(text: str, said: str) -> bool:
    """Whether a fact can be drawn from these words.

    >>> grounded("Ada reads mail at noon", "I read my mail at noon"), grounded("Ada pays Bob", "I read my mail")
    (True, False)
    """
    own = set(terms(text))
    return bool(own) and len(own & set(terms(said))) >= _GROUNDED * len(own)


async def word_of(ctx: Context[Any], text: str) -> Trust:
    """An agent's word, or a tool's: where such is in view of it, or was, and the user did not say so."""
    store: Store = ctx.run.store
    opened = await store.threads.open(ctx.run.thread_id, conversation="")
    seen = load_context(opened.context, opened.messages)
    heard = list(seen.messages)
    if len(ctx.path) > OWN:  # what an agent below another one has read is in a conversation of its own
        scope = Scope(ctx.run.workspace, ctx.run.user_id)
        rows = await store.threads.messages(scope, ctx.run.thread_id, conversation=None, limit=_LATELY, newest=True)
        heard += [load_message(row) for row in rows if row.run_id == ctx.run.id]
    if not (seen.gone or any(foreign(message) for message in heard)):
        return "agent"
    said = " ".join([own_words(message) for message in seen.messages if message.role == "user"])
    return "agent" if grounded(text, said) else "tool"
