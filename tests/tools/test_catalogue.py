"""Every tool of the catalogue can be made, says what it does, and is in the documentation."""

from pathlib import Path
from typing import Any

import pytest

from weft.engine.context import Context
from weft.errors import AccessDenied, UsageError
from weft.storage import Store
from weft.tools.catalogue import CATALOGUE, builtin
from weft.tools.registry import Registry

HERE = [each for each in CATALOGUE.values() if not each.python]
MANUAL = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()


@pytest.mark.parametrize("entry", HERE, ids=lambda entry: entry.name)
async def test_each_can_be_made(entry: Any, ctx: Context[Any]) -> None:
    tools = await builtin(entry.name).tools(ctx)
    assert tools
    for each in tools:
        assert each.spec.description
        assert each.trusted is False
        described = each.spec.parameters.get("properties", {}).values()
        assert all(told.get("description") for told in described), each.name
    assert f"`{entry.name}`" in MANUAL
    if entry.made and not entry.place.startswith("weft.agents.media:"):  # those hand a model's own settings on
        with pytest.raises(UsageError, match="cannot be made with"):
            builtin(entry.name, nonsense=1)


async def test_what_writes_happens_once(ctx: Context[Any]) -> None:
    effects = {
        tool.name: (tool.effect, tool.reconcile is not None)
        for name in ("github", "slack")
        for tool in await builtin(name, write=True).tools(ctx)
        if tool.effect != "read"
    }
    assert effects == dict.fromkeys(("github_create_issue", "github_comment", "slack_post"), ("once", True))
    for name in ("github", "slack", "wikipedia", "arxiv", "finance"):
        assert {tool.effect for tool in await builtin(name).tools(ctx)} == {"read"}


@pytest.mark.parametrize("name", ["github", "slack", "finance", "wikipedia", "arxiv", "browser"])
async def test_where_it_goes_is_not_chosen_over_the_wire(name: str, store: Store) -> None:
    """Whoever enables tools in a workspace names neither an address nor a variable of the server's environment."""
    registry = Registry(store, "default")
    assert name in [told.name for told in await registry.all()]
    for option in ("base_url", "allow", "executable", "rates", "prices"):
        with pytest.raises(UsageError, match="has no options"):
            await registry.change(name, enabled=True, options={option: "http://127.0.0.1"})
    for token in ("xoxb-1", "os.environ/HOME"):
        with pytest.raises((UsageError, AccessDenied)):
            await registry.change(name, options={"token": token})
    assert (await registry.change(name, enabled=True)).enabled
