"""langmem on a Weft store: its tools in a graph of LangGraph's, and its manager with a model."""

import json
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from tests.langgraph.test_storing import embed
from weft.langgraph.storing import WeftStore
from weft.storage import Store


async def test_langmem_keeps_and_finds_its_memories_there(store: Store) -> None:
    langmem = pytest.importorskip("langmem")
    from langchain_core.messages import AIMessage  # noqa: PLC0415

    items = WeftStore(store, index={"embed": embed, "fields": ["content"]})
    place = ("memories", "{user}")
    tools = [langmem.create_manage_memory_tool(namespace=place), langmem.create_search_memory_tool(namespace=place)]
    graph = StateGraph(MessagesState).add_node("tools", ToolNode(tools)).add_edge(START, "tools")
    built: Any = graph.add_edge("tools", END).compile(store=items)

    async def call(user: str, name: str, **given: Any) -> str:
        asked = AIMessage("", tool_calls=[{"name": name, "args": given, "id": "1"}])
        told = await built.ainvoke({"messages": [asked]}, {"configurable": {"user": user}})
        return told["messages"][-1].text

    kept = await call("ada", "manage_memory", content="Ada drinks warm tea", action="create")
    await call("ada", "manage_memory", content="Ada takes the train to the city", action="create")
    await call("bob", "manage_memory", content="Bob drinks cold tea", action="create")
    found = json.loads(await call("ada", "search_memory", query="tea", limit=1))
    assert [one["value"]["content"] for one in found] == ["Ada drinks warm tea"]
    id = kept.rpartition(" ")[2]
    await call("ada", "manage_memory", content="Ada drinks cold coffee", action="update", id=id)
    found = json.loads(await call("ada", "search_memory", query="coffee", limit=1))
    assert [one["value"]["content"] for one in found] == ["Ada drinks cold coffee"]
    await call("ada", "manage_memory", action="delete", id=id)
    assert await items.alist_namespaces() == [("memories", "ada"), ("memories", "bob")]
    assert [one.value["content"] for one in await items.asearch(("memories", "ada"))] == [
        "Ada takes the train to the city"
    ]


async def test_langmems_manager_writes_what_a_model_finds_in_a_conversation(store: Store) -> None:
    langmem = pytest.importorskip("langmem")
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel  # noqa: PLC0415
    from langchain_core.messages import AIMessage  # noqa: PLC0415

    class Says(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **_: Any) -> Any:
            return self

    found = {"name": "Memory", "args": {"content": "Ada drinks warm tea"}, "id": "1"}
    lines = iter([AIMessage("", tool_calls=[found]), AIMessage("done")])
    items = WeftStore(store, index={"embed": embed, "fields": ["content.content"]})
    manager = langmem.create_memory_store_manager(Says(messages=lines), store=items, namespace=("memories", "{user}"))
    said = {"messages": [{"role": "user", "content": "I like my tea warm"}]}
    await manager.ainvoke(said, config={"configurable": {"user": "ada"}})
    (kept,) = await items.asearch(("memories", "ada"), query="tea")
    assert kept.value["content"] == {"content": "Ada drinks warm tea"}
    assert kept.score is not None
    assert kept.score > 0.6
