"""A thread of many short turns, as an agent without tools leaves it."""

from tests.storage.samples import checkpoint, commit_of, no_job, record
from weft.events import MessageAdded, RunFinished, RunStarted, encode
from weft.ids import new_id
from weft.messages import Usage
from weft.storage.base import ContextRow, EventRow, Job, MessageRow, RunChange, SlotRow, Store


async def turns(store: Store, count: int) -> int:
    """Run them all in one thread; how many bytes of content they had."""
    thread, content = new_id("thread"), 0
    await store.workers.beat("worker")
    for turn in range(1, count + 1):
        made = await store.runs.create(record(thread_id=thread, input=b'"What about tomorrow?"'), no_job)
        run = await store.runs.acquire(Job(run_id=made.id, epoch=0), "worker", 30)
        assert run is not None
        told = [
            RunStarted("agent"),
            MessageAdded(2 * turn - 1),
            MessageAdded(2 * turn),
            RunFinished(usage=Usage(requests=1, input_tokens=812, output_tokens=33)),
        ]
        bodies = [encode(event) for event in told]
        words = [
            b'{"role":"user","parts":[{"type":"text","text":"What about tomorrow?"}],"id":"%s"}',
            b'{"role":"assistant","parts":[{"type":"text","text":"Tomorrow is fine as well."}],"id":"%s"}',
        ]
        messages = [
            MessageRow(seq=2 * turn - 1 + at, run_id=run.id, tokens=9, body=body % new_id("msg").encode())
            for at, body in enumerate(words)
        ]
        head, slot = b'{"seen":{"think":{"heard":%d}}}' % turn, SlotRow(channel="heard", op="set", body=b"%d" % turn)
        change = RunChange(
            status="finished",
            output=b'"Tomorrow is fine as well."',
            usage=b'{"requests":1,"input_tokens":812,"output_tokens":33}',
            first_message=2 * turn - 1,
            forget_input=True,
        )
        await store.commit(
            commit_of(
                run,
                4,
                events=[
                    EventRow(seq=at, at=run.updated_at, path=("agent",), event=event)
                    for at, event in enumerate(told, 1)
                ],
                messages=messages,
                contexts=[ContextRow(body=b'{"start":1}')],
                checkpoints=[checkpoint(turn, (slot,), heard=(turn, turn))],
                run=change,
            )
        )
        content += sum(map(len, bodies)) + sum(len(row.body) for row in messages) + len(head) + len(slot.body)
        content += len(change.output or b"") + len(change.usage or b"") + len(run.id)
    return content
