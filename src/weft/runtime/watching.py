"""Following a run from any event on: what is stored, then what happens, without a gap or a repetition."""

from collections.abc import AsyncGenerator, Callable

from weft.events import RESTING as LAST
from weft.events import Envelope
from weft.runtime.hub import Hub, Listener, Sync
from weft.runtime.reading import stored_events
from weft.storage.base import RESTING, Scope, Store

_POLL = 0.5
"""Seconds between looks at a run that another process drives, where the store has no bell."""


class Watch:
    """One reader of one run."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        scope: Scope,
        run_id: str,
        after: int,
        driven: Callable[[str], bool],
    ) -> None:
        self._store, self._hub, self._scope, self._run_id = store, hub, scope, run_id
        self._after = after
        self._driven = driven

    async def follow(self) -> AsyncGenerator[Envelope | Sync]:
        """Until the run rests.

        Raises:
            NotFound: no such run, or it is not yours.
        """
        listener = self._hub.listen(self._run_id)
        try:
            while True:
                async for envelope in self._stored():
                    yield envelope
                record = await self._store.runs.get(self._scope, self._run_id)
                if record.seq > self._after:
                    continue
                if record.status in RESTING:
                    return
                if not self._driven(self._run_id):
                    await listener.wait(_POLL)
                    continue
                async for happening in self._live(listener):
                    yield happening
                    if isinstance(happening, Envelope) and type(happening.event) in LAST:
                        return
        finally:
            self._hub.leave(self._run_id, listener)

    async def _stored(self) -> AsyncGenerator[Envelope]:
        while page := await stored_events(self._store, self._scope, self._run_id, after=self._after):
            for envelope in page:
                self._after = envelope.seq
                yield envelope

    async def _live(self, listener: Listener) -> AsyncGenerator[Envelope | Sync]:
        """What this process knows of the run at once; ends where only the store can tell what is next."""
        yield Sync()
        for envelope in self._hub.going(self._run_id, listener):
            yield envelope
        while not listener.lagged:
            if not listener.queue:
                if not self._driven(self._run_id):
                    return
                await listener.wait(5.0)
                continue
            envelope = listener.queue.popleft()
            if not envelope.durable:
                yield envelope
            elif envelope.seq == self._after + 1:
                self._after = envelope.seq
                yield envelope
            elif envelope.seq > self._after:
                return
