"""A process that commits until it is killed, and says what was acknowledged: one line each, run and number."""

import asyncio
import sys

from tests.storage.samples import begin, checkpoint, commit_of, message
from weft.storage import open_store
from weft.storage.base import RunRecord, SlotRow

RUNS = 20


async def main(url: str) -> None:
    store = await open_store(url)
    runs = [await begin(store) for _ in range(RUNS)]

    async def drive(run: RunRecord) -> None:
        seq = 0
        while True:
            seq += 1
            slot = SlotRow(channel="a", op="set", body=b"%d" % seq)
            step = checkpoint(seq, (slot,), a=(seq, seq))
            await store.commit(commit_of(run, seq, messages=[message(seq)], checkpoints=[step]))
            sys.stdout.write(f"{run.id} {run.thread_id} {seq}\n")
            sys.stdout.flush()

    await asyncio.gather(*map(drive, runs))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
