"""What every store promises of secrets: bytes under names, each workspace's own."""

from weft.storage import Store


async def test_a_secret_is_kept_replaced_and_forgotten(store: Store) -> None:
    secrets = store.secrets
    assert await secrets.get("default", "token") is None
    await secrets.put("default", "token", b"\x00one")
    await secrets.put("default", "token", b"two\xff")
    assert await secrets.get("default", "token") == b"two\xff"
    await secrets.forget("default", "token")
    await secrets.forget("default", "token")
    assert await secrets.get("default", "token") is None


async def test_workspaces_do_not_see_each_others(store: Store) -> None:
    await store.secrets.put("one", "token", b"1")
    assert await store.secrets.get("two", "token") is None
    await store.secrets.put("two", "token", b"2")
    await store.secrets.forget("two", "token")
    assert await store.secrets.get("one", "token") == b"1"


async def test_names(store: Store) -> None:
    for workspace, name in (("one", "secret:b"), ("one", "secret:a"), ("one", "secrets"), ("two", "secret:c")):
        await store.secrets.put(workspace, name, b"1")
    assert list(await store.secrets.names("one", "secret:")) == ["secret:a", "secret:b"]
    assert list(await store.secrets.names("none", "secret:")) == []
