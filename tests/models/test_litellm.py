"""What is LiteLLM's own: how it is imported, and how its many providers hang up."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.models.loopback import chunk, serve, stream
from tests.models.test_doors import HI
from weft.errors import UsageError
from weft.models.base import Piece, close
from weft.models.litellm import LiteLLM, refuse

pytestmark = pytest.mark.usefixtures("litellm")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "openrouter", "mistral"])
async def test_who_leaves_hangs_up(provider: str) -> None:
    events: dict[str, list[Any]] = {
        "anthropic": [
            {"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        ],
        "gemini": [{"candidates": [{"content": {"parts": [{"text": "Hel"}], "role": "model"}, "index": 0}]}],
    }
    hung = stream(*events.get(provider, [chunk({"content": "Hel"})]), done=False, hang=True)
    model = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro"}.get(provider, "some-model")
    async with serve(hung) as server:
        speaking = LiteLLM(f"{provider}/{model}", server.url).answer(HI)
        assert await anext(speaking) == Piece("Hel")
        await close(speaking)
        await asyncio.wait_for(server.left.wait(), 10)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_port_and_the_door_load_nothing_heavy() -> None:
    seen = run(
        "import sys, weft.models.base, weft.models.litellm, weft.models.choose, weft.models.capabilities\n"
        "print(sorted({'litellm', 'openai', 'aiohttp', 'httpx', 'pydantic', 'yaml'} & sys.modules.keys()))"
    )
    assert seen.strip() == "[]"


def test_the_first_call_imports_in_a_thread_and_without_a_network() -> None:
    seen = run(
        "import asyncio, json, os, socket, sys, time\n"
        "def forbidden(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = forbidden\n"
        "from weft.models.litellm import loaded\n"
        "async def main():\n"
        "    worst, task = 0.0, asyncio.create_task(loaded())\n"
        "    while not task.done():\n"
        "        began = time.perf_counter()\n"
        "        await asyncio.sleep(0.01)\n"
        "        worst = max(worst, time.perf_counter() - began)\n"
        "    library = await task\n"
        "    print(json.dumps([worst, library.callbacks, library.suppress_debug_info, len(library.model_cost) > 1000,\n"
        "                      'litellm.proxy.proxy_server' in sys.modules, library.disable_aiohttp_transport]))\n"
        "asyncio.run(main())"
    )
    worst, callbacks, quiet, priced, proxy, no_aiohttp = json.loads(seen.splitlines()[-1])
    assert worst < 1.5  # seconds; inline it would be all of the import
    assert (callbacks, quiet, priced, proxy, no_aiohttp) == ([], True, True, False, False)


def test_malicious_releases_are_refused() -> None:
    refuse("1.106.2")
    for version in ("1.82.7", "1.82.8"):
        with pytest.raises(UsageError, match="steals credentials"):
            refuse(version)
