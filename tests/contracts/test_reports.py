"""What every store promises of reports: each process hears what the others said last."""

from weft.storage import Store


async def test_each_hears_the_others_last_words(store: Store) -> None:
    say = store.reports.exchange
    assert await say("default", "router/default", "one", b"a", keep=60) == []
    assert [body for _, body in await say("default", "router/default", "two", b"b", keep=60)] == [b"a"]
    ((age, body),) = await say("default", "router/default", "one", b"c", keep=60)
    assert (body, 0 <= age < 60) == (b"b", True)
    heard = await say("default", "router/default", "three", None, keep=60)
    assert sorted([body for _, body in heard]) == [b"b", b"c"], "who says nothing hears all the same"
    assert await say("default", "router/other", "two", None, keep=60) == []
    assert await say("elsewhere", "router/default", "two", None, keep=60) == []


async def test_what_is_old_is_forgotten(store: Store) -> None:
    say = store.reports.exchange
    await say("default", "router/default", "one", b"a", keep=60)
    assert await say("default", "router/default", "two", b"b", keep=-1.0) == []
    assert await say("default", "router/default", "three", None, keep=60) == []
