"""Whether models are really asked: live, from a cassette, or not at all. For a whole process, or for one test.

Only doors to real models are concerned (LiteLLM, direct); models that need no network are what they are.
``WEFT_MODELS=record`` and ``WEFT_MODELS=replay`` with ``WEFT_CASSETTE=FILE`` (``cassette.yaml``) say it from outside.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NoReturn, Protocol, TypeAlias, TypeVar, cast, get_args

from weft.errors import LiveCallForbidden, UsageError
from weft.messages import Json
from weft.models.base import Answer, Piece, Request, Stream

Ask: TypeAlias = Callable[[Request], Stream]
T = TypeVar("T")


class Tape(Protocol):
    """What stands between the doors and the world."""

    def answer(self, request: Request, only: str | None, name: str | None, ask: Ask) -> Stream: ...

    async def value(self, name: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T: ...


_inserted: list[Tape] = []


def taped(name: str, ask: Ask, request: Request) -> Stream:
    """The answer of the model ``name``, which ``ask`` asks for, unless a tape is inserted."""
    now = _now()
    return ask(request) if now is None else now.answer(request, name, name, ask)


async def taped_value(name: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
    """The same for what is no chat: vectors, ranks, pictures, speech. ``asked`` is JSON, but for bytes."""
    now = _now()
    return await ask() if now is None else await now.value(name, asked, kind, ask)


def _now() -> Tape | None:
    """The tape that is inserted, by the program or from outside."""
    if _inserted:
        return _inserted[-1]
    mode = os.environ.get("WEFT_MODELS")
    if mode is None or mode == "live":
        return None
    return _by_environment(mode, os.environ.get("WEFT_CASSETTE", "cassette.yaml"))


@contextmanager
def tape(path: str | os.PathLike[str], mode: str | None = None) -> Generator[None]:
    """Models are recorded on this cassette, or replayed from it, as long as this lasts.

    Args:
        mode: ``replay``, ``record`` or ``live``, as of ``Replay``; without it ``WEFT_MODELS``, else ``replay``.
    """
    with _in_place(_recorder(mode or os.environ.get("WEFT_MODELS", "replay"), path)):
        yield


@contextmanager
def no_live_calls() -> Generator[None]:
    """A call of a real model raises ``LiveCallForbidden`` as long as this lasts."""
    with _in_place(_Nobody()):
        yield


@contextmanager
def live_calls() -> Generator[None]:
    """Models are really asked as long as this lasts, whatever was said before."""
    with _in_place(_Live()):
        yield


@contextmanager
def _in_place(inserted: Tape) -> Generator[None]:
    _inserted.append(inserted)
    try:
        yield
    finally:
        _inserted.remove(inserted)


class _Live:
    def answer(self, request: Request, only: str | None, name: str | None, ask: Ask) -> Stream:
        return ask(request)

    async def value(self, name: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
        return await ask()


class _Nobody:
    async def answer(
        self, request: Request, only: str | None, name: str | None, ask: Ask
    ) -> AsyncIterator[Piece | Answer]:
        _forbid(name)
        yield  # this is a stream, like all answers

    async def value(self, name: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
        _forbid(name)


def _forbid(name: str | None) -> NoReturn:
    raise LiveCallForbidden(
        f"{name} would really be asked here, and live calls are forbidden: use Scripted or Demo, record a cassette "
        "(weft_cassette), or mark the test with weft_live"
    )


def _recorder(mode: str, path: str | os.PathLike[str]) -> Tape:
    from weft.models.replay import Mode, Recorder  # noqa: PLC0415  # YAML, and only who records needs it

    if mode not in get_args(Mode):
        raise UsageError(f"{mode!r} is no way to use models: there is {', '.join(get_args(Mode))} (WEFT_MODELS)")
    return Recorder(path, cast("Mode", mode))


@lru_cache(maxsize=8)
def _by_environment(mode: str, path: str) -> Tape:
    return _recorder(mode, Path(path).absolute())
