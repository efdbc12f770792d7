"""Parts for agents of LangChain's models and tools, as ``langgraph.prebuilt`` offers them."""

from weft.errors import UsageError

try:
    from weft.langgraph.prebuilt.chat_agent_executor import create_react_agent
    from weft.langgraph.prebuilt.injecting import InjectedState, InjectedStore, ToolRuntime
    from weft.langgraph.prebuilt.tool_node import ToolNode, tools_condition
except ModuleNotFoundError as error:
    raise UsageError(
        f"weft.langgraph.prebuilt needs langchain_core: pip install 'weft[langgraph]' ({error})"
    ) from error

__all__ = ["InjectedState", "InjectedStore", "ToolNode", "ToolRuntime", "create_react_agent", "tools_condition"]
