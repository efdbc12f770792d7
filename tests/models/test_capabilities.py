"""What is known of models without asking them."""

import json
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from weft.models.capabilities import Capabilities, capabilities, is_priced
from weft.models.choose import KEYS
from weft.models.demo import Demo
from weft.models.litellm import LiteLLM


@pytest.mark.parametrize(
    ("name", "output", "images", "reasoning"),
    [
        ("openai/gpt-5-mini", "native", True, True),
        ("gpt-4o", "native", True, False),
        ("anthropic/claude-sonnet-4-5", "native", True, True),
        ("anthropic/claude-future-9", "native", True, True),
        ("gemini/gemini-2.5-pro", "native", True, True),
        ("cohere_chat/command-r7b-12-2024", "tool", False, False),
        ("ollama_chat/nobody-knows-me", "prompt", False, False),
        ("openai/nobody-knows-me", "prompt", False, False),
        ("nobody-knows-me", "prompt", False, False),
        ("scripted", "prompt", False, False),
        ("", "prompt", False, False),
    ],
)
def test_by_name(name: str, output: str, images: bool, reasoning: bool) -> None:
    known = capabilities(name)
    assert (known.output, known.images, known.reasoning) == (output, images, reasoning)


def test_by_model() -> None:
    assert capabilities(LiteLLM("openai/gpt-5-mini")) == capabilities("openai/gpt-5-mini")
    assert capabilities(LiteLLM("openai/gpt-5-mini")).context_tokens == 272_000
    assert capabilities(Demo()) == Capabilities(output="native", images=True, reasoning=True)


def test_prices_are_known_or_not() -> None:
    assert is_priced("openai", "gpt-5-mini")
    assert is_priced("cohere_chat", "command-r7b-12-2024")
    assert not is_priced("openai", "nobody-knows-me")
    assert not is_priced("groq", "gpt-5-mini")
    assert not is_priced("anthropic", "claude-future-9")


@pytest.mark.parametrize("model", [model for _, model in KEYS])
def test_the_default_models_are_current(model: str) -> None:
    found = find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    listed = json.loads((Path(found.origin).parent / "model_prices_and_context_window_backup.json").read_bytes())
    entry = (
        listed.get(model)
        or listed.get(model.partition("/")[2])
        or listed.get(model.partition("/")[2].partition("/")[2])
    )
    assert entry is not None
    assert entry["mode"] == "chat"
    assert entry["supports_function_calling"]
    assert date.fromisoformat(entry.get("deprecation_date", "9999-01-01")) > date(2026, 11, 1)
