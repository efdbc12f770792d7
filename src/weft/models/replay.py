"""Record what a model answers, and replay it: any run again, exactly, with no network and no key."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from weft import errors
from weft.errors import ModelError, ReplayMissed, UsageError
from weft.messages import Json
from weft.models.base import Answer, Model, Piece, Request, Stream, close
from weft.models.blotting import Persons, hidden
from weft.models.cassette import IN_ORDER, Cassette, canonical, miss, plain, value_asked

Mode: TypeAlias = Literal["replay", "record", "live"]
T = TypeVar("T")


class Replay:
    """A model that has been recorded, or is being recorded.

    * ``replay``: only what is on the cassette; anything else raises ``ReplayMissed``, with what differs.
    * ``record``: what is on the cassette is replayed, the rest is asked of ``model`` and recorded.
    * ``live``: everything is asked of ``model`` and recorded anew.

    Equal requests are answered in the order of their recording; the last answer is repeated. One ``Replay`` may
    serve many runs at once.
    """

    def __init__(self, path: str | os.PathLike[str], model: Model | None = None, *, mode: Mode | None = None) -> None:
        """``mode`` is ``replay`` where there is no model, else ``record``.

        Raises:
            UsageError: there is nothing to replay, or nobody to ask; or the file is no cassette.
        """
        self._model = model
        chosen: Mode = mode or ("replay" if model is None else "record")
        if model is None and chosen != "replay":
            raise UsageError(f"mode {chosen!r} needs a model to ask")
        self._recorder = Recorder(path, chosen)

    @property
    def name(self) -> str:
        if self._model is not None:
            return self._model.name
        entries = self._recorder.cassette.entries
        return str(entries[0]["model"]) if entries else "replay"

    def answer(self, request: Request) -> Stream:
        """See ``Model.answer``.

        Raises:
            ReplayMissed: the cassette has no answer to this request.
        """
        model = self._model
        return self._recorder.answer(request, None, None if model is None else model.name, model and model.answer)


class Recorder:
    """One cassette and what is done with it. See ``Replay`` for the modes."""

    def __init__(self, path: str | os.PathLike[str], mode: Mode) -> None:
        """Raises: UsageError: there is nothing to replay, or the file is no cassette."""
        if mode == "replay" and not Path(path).exists():
            raise UsageError(f"there is no cassette at {path}: record one with mode='record'")
        self.mode: Mode = mode
        self.cassette = Cassette(Path(path), fresh=mode == "live")

    async def answer(
        self, request: Request, only: str | None, name: str | None, ask: Any
    ) -> AsyncIterator[Piece | Answer]:
        """The recorded answer, or that of ``ask``, which is recorded under ``name``.

        Args:
            only: the model whose answers fit; any model's where there is none.
        """
        persons = Persons()
        asked = canonical(request, persons)
        entry = None if self.mode == "live" else self.cassette.found(asked, only, again=self.mode == "replay")
        if entry is not None:
            if entry["request"] != IN_ORDER:  # those are of a run whose persons nobody knows any more
                entry = persons.shown(entry)
            for each in _said(entry):
                yield each
            if failure := entry.get("failure"):
                raise _failure(failure)
            return
        if ask is None or self.mode == "replay":
            raise ReplayMissed(miss(self.cassette.path, asked, self.cassette.entries))
        pieces: list[Piece] = []
        stream: Stream = ask(request)
        try:
            async for each in stream:
                if isinstance(each, Piece):
                    pieces.append(each)
                else:
                    self.cassette.keep(asked, name or "", blotted(spoken(pieces, each), persons))
                yield each
        finally:
            await close(stream)

    async def value(self, name: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
        """As ``answer``, of what is no chat: one value, kept as JSON."""
        persons = Persons()
        wanted = value_asked(asked, persons)
        entry = None if self.mode == "live" else self.cassette.fitting(wanted, name, again=self.mode == "replay")
        if entry is not None:
            return msgspec.convert(persons.shown(msgspec.json.decode(entry["value"])), kind)
        if self.mode == "replay":
            raise ReplayMissed(miss(self.cassette.path, wanted, self.cassette.entries))
        made = await ask()
        told = persons.hide(hidden(msgspec.to_builtins(made)))
        self.cassette.keep(wanted, name, {"value": msgspec.json.encode(told).decode()})
        return made


def spoken(pieces: Sequence[Piece], answer: Answer) -> Json:
    """What a cassette keeps of an answer."""
    told = plain(answer)
    told["message"].pop("id", None)  # a replayed message is a new one
    return {"pieces": [[each.kind, each.text] for each in pieces], "answer": told}


def blotted(said: Json, persons: Persons) -> Json:
    """What a cassette keeps, without secrets and persons; where there were some, tokens would tell them."""
    told = persons.hide(hidden({name: each for name, each in said.items() if name != "pieces"}))
    pieces = [list(each) for each in said["pieces"]]
    for kind in ("text", "reasoning"):
        of_kind = [each for each in pieces if each[0] == kind]
        for each, text in zip(of_kind, persons.pieces([text for _, text in of_kind]), strict=True):
            each[1] = text
    if "answer" in said:
        as_it_was = told["answer"]["message"] == said["answer"]["message"]
        told["answer"]["logprobs"] = said["answer"].get("logprobs", []) if as_it_was else []
    return {"pieces": [each for each in pieces if each[1]], **told}


def failed(code: str, words: str) -> Json:
    """What a cassette keeps of a call that failed."""
    return {"pieces": [], "failure": {"code": code, "message": words}}


def _said(entry: Json) -> list[Piece | Answer]:
    pieces = [Piece(text, kind) for kind, text in entry["pieces"]]
    return [*pieces, msgspec.convert(entry["answer"], Answer)] if "answer" in entry else [*pieces]


def _failure(told: Json) -> ModelError:
    known = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ModelError)]
    kind = next((each for each in known if each.code == told["code"]), ModelError)
    return kind(told["message"])
