"""Agents whose models are asked through LiteLLM, at the address in ``PROVIDER_URL``: what the walks talk to."""

import os

from pydantic import SecretStr

from weft import Agent, tool
from weft.models.litellm import LiteLLM

PROVIDER = os.environ.get("PROVIDER_URL", "http://127.0.0.1:9")
KEY = SecretStr("a-key-for-tests")
THINKING = {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}}


@tool(effect="read")
def get_capital(country: str) -> str:
    """The capital of a country."""
    return {"UK": "London", "France": "Paris"}[country]


@tool(effect="read")
def country_source() -> str:
    """The country to look up."""
    return "Japan"


@tool(effect="read")
def capital_lookup(country: str) -> str:
    """The capital of a country."""
    return {"Japan": "Tokyo"}[country]


geographer = Agent(
    "geographer",
    model=LiteLLM("openai/gpt-4o-mini", f"{PROVIDER}/v1", api_key=KEY),
    tools=[get_capital],
)
clerk = Agent(
    "clerk",
    model=LiteLLM("anthropic/claude-sonnet-4-5", PROVIDER, api_key=KEY, stream=False),
    instructions="Always call `country_source` first, then call `capital_lookup` with that result before replying.",
    tools=[country_source, capital_lookup],
)
thinker = Agent(
    "thinker",
    model=LiteLLM("anthropic/claude-sonnet-4-5", PROVIDER, api_key=KEY, stream=False),
    settings=THINKING,
)
streaming_thinker = Agent(
    "streaming_thinker",
    model=LiteLLM("anthropic/claude-sonnet-4-0", PROVIDER, api_key=KEY),
    settings=THINKING,
)
