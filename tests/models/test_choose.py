"""Which model answers when nobody named one."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.models.choose import KEYS, choose, read_dotenv, resolve
from weft.models.demo import Demo
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM
from weft.models.scripted import Scripted


def test_the_ladder(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text('# keys\nexport MISTRAL_API_KEY="m-key" # mine\nOPENAI_API_KEY=\n')
    every = {name: f"value-of-{name}" for name, _ in KEYS}
    for env, file, name, why in (
        ({}, None, "demo", "demo model"),
        ({"ANTHROPIC_API_KEY": "a-key"}, None, "anthropic/", "ANTHROPIC_API_KEY is set"),
        (every, None, "openai/", "OPENAI_API_KEY is set"),
        ({}, dotenv, "mistral/", "MISTRAL_API_KEY is set"),
        ({"OPENAI_API_KEY": ""}, tmp_path / "none", "demo", "demo model"),
    ):
        model, reason = choose(env=env, dotenv=file)
        assert model.name.startswith(name)
        assert why in reason
        assert "key" not in repr(model).replace("api_key", "")
    named, reason = choose("xai/grok-4", env=every)
    assert (named.name, reason) == ("xai/grok-4", "xai/grok-4 was asked for")


def test_the_key_goes_along() -> None:
    model, _ = choose(env={"GOOGLE_API_KEY": "g-key"})
    assert isinstance(model, LiteLLM)
    assert not isinstance(model.api_key, str | None)
    assert model.api_key.get_secret_value() == "g-key"
    assert "g-key" not in repr(model) + repr(model.api_key)


class _Models(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "nomic-embed-text"}, {"id": "openai/gpt-oss-20b"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def local_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Models) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_server_on_this_machine(local_port: int) -> None:
    servers = (("Nobody", 9), ("LM Studio", local_port))
    model, why = choose(env={}, probe=True, servers=servers)
    assert isinstance(model, LiteLLM)
    assert (model.name, model.base_url) == ("openai/openai/gpt-oss-20b", f"http://127.0.0.1:{local_port}/v1")
    assert why == f"LM Studio on port {local_port} offers openai/gpt-oss-20b"
    assert choose(env={}, servers=servers)[0].name == "demo"  # only when asked
    assert choose(env={"OPENAI_API_KEY": "x"}, probe=True, servers=servers)[0].name.startswith("openai/gpt")


def test_a_silent_server_does_not_keep_anyone() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert choose(env={}, probe=True, servers=(("Silent", silent.getsockname()[1]),), timeout=0.2)[0] == Demo()
        assert time.monotonic() - began < 10


def test_resolve() -> None:
    scripted = Scripted([])
    assert resolve(scripted) is scripted
    assert resolve("demo") == Demo()
    assert resolve("direct:groq/m") == resolve("groq/m", via="direct") == Direct("groq/m")
    assert resolve("direct:qwen3", base_url="http://127.0.0.1:1/v1") == Direct("qwen3", "http://127.0.0.1:1/v1")
    for name, why in (("direct:anthropic/m", "LiteLLM reaches the others"), ("direct:m", "give base_url")):
        with pytest.raises(UsageError, match=why):
            resolve(name)
    assert resolve("qwen3", base_url="http://127.0.0.1:1/v1") == LiteLLM("qwen3", "http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="a model already"):
        resolve(scripted, base_url="http://127.0.0.1:1")
    with pytest.raises(UsageError, match="needs a name"):
        resolve("  ")


def test_dotenv(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n export B = 'two # not a comment'\n#C=3\nD=four # comment\nnonsense\nE=a=b\n")
    assert read_dotenv(path) == {"A": "1", "B": "two # not a comment", "D": "four", "E": "a=b"}
    assert read_dotenv(tmp_path) == {}


def test_nothing_heavy_is_imported_to_decide() -> None:
    code = (
        "import sys; from weft.models.choose import choose\n"
        "choose(env={'OPENAI_API_KEY': 'x'}); choose(env={}, probe=True, servers=(('Nobody', 9),))\n"
        "print(sorted({'litellm', 'openai', 'yaml', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
