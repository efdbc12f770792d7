"""Pictures, speech and transcripts as tools: models of these kinds, asked by an agent; what they make is kept as files.

They stand here, and not among the other tools, as they ask models: what it costs counts as any model call of the run.
"""

import asyncio
import hashlib
import mimetypes
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from weft.agents.billing import Bill
from weft.engine.context import Context
from weft.errors import AccessDenied, ModelError, ToolFailed, ToolRetry, UsageError
from weft.messages import Media, Usage
from weft.models import fares
from weft.models.ports import Painter, Speaker, Transcriber
from weft.security.addresses import Reach
from weft.tools.base import Approval, Returned, Tool
from weft.tools.builtin.keeping import keep
from weft.tools.builtin.place import ROOT, Place, where_of
from weft.tools.function import tool

T = TypeVar("T")
Folder = str | os.PathLike[str]

LARGEST = 25_000_000
"""Bytes of a sound that is listened to, and of a picture."""
SEEN = 4_000_000
"""Bytes of a picture that the model is shown; a larger one is only kept."""
_FORMS = {"audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/wav": ".wav", "image/jpeg": ".jpg"}


def image_generation(
    model: str | Painter = "openai/gpt-image-1",
    *,
    folder: Folder | None = None,
    root: Folder = ROOT,
    approval: Approval = False,
    seconds: float = 180.0,
    allow: Sequence[str] = (),
    **settings: Any,
) -> Tool:
    """A tool that draws: the picture is shown to the agent, stored, and put into the folder.

    ``model`` is LiteLLM's name of one, or a ``Painter``; ``settings`` are its own (``size``, ``quality`` ...). Where it
    gives addresses, pictures are fetched from public ones and from those in ``allow``.
    """
    place = Place(where_of(folder, root))
    painter: Painter = _endpoint(model, seconds)

    async def draw_picture(prompt: str, ctx: Context[Any], name: str = "") -> Returned:
        """Draw a picture.

        Args:
            prompt: All that is to be seen on it, and in which style.
            name: Of its file, without an ending.
        """
        fare = partial(fares.drawing, painter.name, prompt, settings)
        asking = partial(painter.draw, prompt, **settings)
        drawn = await _asked(ctx, painter.name, asking, lambda given: given.usage, fare)
        words, shown = f"drew {len(drawn.images)}", list[Media]()
        for number, image in enumerate(drawn.images, 1):
            picture = await _loaded(image, allow, seconds)
            stem = _stem(name, ctx, "picture") + (f"-{number}" if len(drawn.images) > 1 else "")
            line, path = await _kept(ctx, place, stem, picture)
            words += line
            if len(picture.data or b"") <= SEEN and len(shown) < 4:
                shown.append(Media(mime=picture.mime, data=picture.data, name=path))
        return Returned(content=words, media=tuple(shown))

    return tool(draw_picture, approval=approval, timeout=seconds + 30).tool


def speech(
    model: str | Speaker = "openai/gpt-4o-mini-tts",
    *,
    voice: str = "alloy",
    form: str = "mp3",
    folder: Folder | None = None,
    root: Folder = ROOT,
    approval: Approval = False,
    seconds: float = 120.0,
    **settings: Any,
) -> Tool:
    """A tool that speaks: the sound is stored, and put into the folder."""
    place = Place(where_of(folder, root))
    speaker: Speaker = _endpoint(model, seconds)

    async def speak(text: str, ctx: Context[Any], name: str = "") -> Returned:
        """Make a sound file in which a text is read aloud.

        Args:
            text: What is said, word by word.
            name: Of its file, without an ending.
        """
        if not text.strip():
            raise ToolRetry("there is nothing to say")
        asking = partial(speaker.speak, text, voice=voice, form=form, **settings)
        fare = partial(fares.speaking, speaker.name, text)
        cost = await asyncio.to_thread(fares.letters, speaker.name, text)
        sound = await _asked(ctx, speaker.name, asking, lambda given: Usage(requests=1, cost=cost), fare)
        line, _ = await _kept(ctx, place, _stem(name, ctx, "speech"), sound)
        return Returned(content=f"spoke {len(text):,} characters{line}")

    return tool(speak, approval=approval, timeout=seconds + 30).tool


def transcription(
    model: str | Transcriber = "openai/gpt-4o-mini-transcribe",
    *,
    folder: Folder | None = None,
    root: Folder = ROOT,
    seconds: float = 180.0,
    **settings: Any,
) -> Tool:
    """A tool that writes down what is said in a sound of the folder."""
    place = Place(where_of(folder, root))
    listener: Transcriber = _endpoint(model, seconds)

    async def transcribe(path: str, ctx: Context[Any]) -> str:
        """Write down what is said in a sound file (mp3, wav, ogg, flac, m4a, webm).

        Args:
            path: Relative to the folder.
        """
        mime = mimetypes.guess_type(path)[0] or ""
        if not mime.startswith(("audio/", "video/")):
            raise ToolRetry(f"{path!r} is no sound by its name")
        body = await place.read(ctx, path, LARGEST)
        sound = Media(mime=mime, data=body, name=path.rpartition("/")[2])
        asking = partial(listener.transcribe, sound, **settings)
        fare = partial(fares.hearing, listener.name, sound)
        heard = await _asked(ctx, listener.name, asking, lambda given: given.usage, fare)
        facts = [heard.language or "", f"{heard.seconds:.0f} s" if heard.seconds else ""]
        head = ", ".join(fact for fact in facts if fact)
        return f"[{head}]\n{heard.text}" if head else heard.text or "(nothing is said in it)"

    return tool(transcribe, effect="read", timeout=seconds + 30).tool


def _endpoint(model: Any, seconds: float) -> Any:
    """Raises: UsageError, where it is no name of a model and no model."""
    if not isinstance(model, str):
        return model
    if "/" not in model:
        raise UsageError(f"{model!r} is no name of a model such as openai/gpt-image-1")
    from weft.models.endpoint import Endpoint  # noqa: PLC0415  # only who asks such a model needs it

    return Endpoint(model, timeout=seconds)


async def _asked(
    ctx: Context[Any],
    name: str,
    ask: Callable[[], Awaitable[T]],
    usage: Callable[[T], Usage],
    fare: Callable[[], fares.Fare],
) -> T:
    """What the model gives; the call is on record, and what it costs counts.

    Raises:
        ToolFailed: it gives nothing.
        Interrupted: a budget has too little left; nothing was asked.
    """
    try:
        return await Bill(ctx).paid(name, ask, usage, fare)
    except (ModelError, UsageError) as error:
        raise ToolFailed(f"{name}: {error}") from None


async def _kept(ctx: Context[Any], place: Place, stem: str, made: Media) -> tuple[str, str]:
    """Its line for the model, and its path in the folder."""
    body = made.data or b""
    path = stem + (_FORMS.get(made.mime) or mimetypes.guess_extension(made.mime) or ".bin")
    await place.write(ctx, path, body)
    return await keep(ctx, path, body, made.mime), path


async def _loaded(image: Media, allow: Sequence[str], seconds: float) -> Media:
    if image.data is not None or image.url is None:
        return image
    from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, where a provider gives addresses

    try:
        page = await Web(Reach(allow), most=LARGEST, seconds=seconds).ask("GET", image.url)
    except AccessDenied as error:
        raise ToolFailed(str(error)) from None
    if page.status != 200 or not page.whole or not page.mime.startswith("image/"):
        raise ToolFailed(f"the picture cannot be fetched: status {page.status}, {page.mime}, {len(page.body):,} bytes")
    return Media(mime=page.mime, data=page.body)


def _stem(name: str, ctx: Context[Any], kind: str) -> str:
    """A name for a file: the same when the same activation runs again."""
    kept = "".join(c if c.isalnum() or c in "-_ " else "-" for c in name.strip())[:80].strip()
    return kept or f"{kind}-{hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:8]}"
