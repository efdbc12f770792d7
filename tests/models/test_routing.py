"""Routers as data: what is refused, and that no key is ever kept or repeated."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.models.loopback import chat, serve
from weft import Agent, Deployment, Router
from weft.errors import AuthenticationFailed, UsageError
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM
from weft.models.router import from_yaml, parse, read, to_yaml
from weft.models.tape import tape

KEY = "-".join(["sk", "proj", "abcdef1234567890"])
FAST = {"fast": (Deployment("openai/gpt-5-mini", api_key="os.environ/TEAM_KEY", rpm=500, settings={"temperature": 0}),)}


@pytest.mark.parametrize(
    "told",
    [
        {"api_key": KEY},
        {"api_key": "os.environ/"},
        {"api_key": "os.environ/A B"},
        {"settings": {"api_key": "anything"}},
        {"settings": {"extra_headers": {"Authorization": "whatever"}}},
        {"settings": {"extra_body": {"nested": [{"x": KEY}]}}},
        {"base_url": f"https://user:{KEY}@example.com/v1"},
        {"base_url": f"https://example.com/v1?key={KEY}"},
        {"model": KEY},
        {"settings": {"api_keys": [KEY[9:]]}},
        {"settings": {"extra_body": {"authorization": {"value": KEY[9:]}}}},
        {"settings": {"extra_headers": {"X-Auth": KEY[9:]}}},
        {"settings": {"extra_headers": {"Cookie": "session=1"}}},
        {"settings": {"extra_body": {"accessToken": KEY[9:]}}},
        {"settings": {"extra_body": {"headers": [["authorization", KEY[9:]]]}}},
        {"settings": {"extra_body": {"hook": f"https://h/x?api_key={KEY[9:]}"}}},
        {"settings": {"proxy": "http://me:pw123456@host:80"}},
        {"settings": {"aws_access_key_id": KEY[9:]}},
        {"settings": {"passphrase": KEY[9:]}},
        {"settings": {"api_key": 123456789012}},
        {"settings": {"extra_body": {KEY: 1}}},
        {"tags": [KEY]},
        {"id": KEY},
        {"base_url": f"https://example.com/{KEY}/v1"},
    ],
)
def test_a_key_is_refused_by_every_way_in_and_not_repeated(told: dict[str, Any], tmp_path: Path) -> None:
    given = {"model": "openai/gpt-5-mini", **told}
    data = {"groups": {"fast": [given]}}
    file = tmp_path / "router.yaml"
    file.write_text(str(data).replace("'", '"'))
    for write in (lambda: Deployment(**given), lambda: parse(data), lambda: read(file)):
        with pytest.raises(UsageError, match=r"os\.environ/NAME") as caught:
            write()
        assert KEY not in str(caught.value)


def test_what_is_no_key_is_kept() -> None:
    settings: dict[str, Any] = {
        "max_tokens": 5,
        "stop": ["token"],
        "prompt_cache_key": "team-a",
        "logit_bias": {"50256": -100},
        "extra_headers": {"X-Api-Key": "os.environ/GATEWAY_KEY"},
    }
    assert Deployment("xai/grok-code-fast-1", id="xai-grok-code-fast-1", settings=settings).settings == settings


async def test_a_key_among_the_settings_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = {"extra_headers": {"X-Gate": "os.environ/GATEWAY_KEY", "X-Other": "plain"}}
    async with serve(chat({"content": "Hello"})) as server:
        for door in (Direct, LiteLLM):
            place = Deployment(
                "openai/m", base_url=server.url, settings=told, via="direct" if door is Direct else "litellm"
            )
            group = Router(groups={"g": (place,)}, retries=0, cooldown=0).group("g")
            monkeypatch.delenv("GATEWAY_KEY", raising=False)
            with pytest.raises(AuthenticationFailed, match="GATEWAY_KEY is not set"):
                await Agent("a", model=group).run("Hi")
            monkeypatch.setenv("GATEWAY_KEY", "one-of-ours")
            with tape(tmp_path / f"{door.__name__}.yaml", "record"):
                assert (await Agent("a", model=group).run("Hi")).output == "Hello"
            assert (server.headers[-1]["x-gate"], server.headers[-1]["x-other"]) == ("one-of-ours", "plain")
            assert "one-of-ours" not in (tmp_path / f"{door.__name__}.yaml").read_text()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"groups": {"fast": []}}, "no deployments"),
        ({"groups": {"a b": [{"model": "x"}]}}, "name has letters"),
        ({"groups": {"fast": [{"model": "x"}]}, "fallbacks": {"fast": ["slow"]}}, "'slow'.*fast"),
        ({"groups": {"fast": [{"model": "x"}, {"model": "x"}]}}, "twice"),
        ({"groups": {"fast": [{"model": "x", "rpm": 0}]}}, "rpm must be more than 0"),
        ({"groups": {"fast": [{"model": "x", "speed": 3}]}}, "speed"),
        ({"groups": {"fast": [{"model": "x", "settings": {"max_budget": 3}}]}}, "max_budget"),
        ({"groups": {"fast": [{"model": "x", "base_url": "127.0.0.1"}]}}, "no address"),
        ({"strategy": "best"}, "strategy"),
        ({"retries": 99}, "retries"),
        ([], "no router"),
    ],
)
def test_what_does_not_fit_is_told(data: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(data)
    assert re.search(words, str(caught.value))


def test_yaml_holds_all_of_it() -> None:
    router = Router(groups=FAST, strategy="least-busy", fallbacks={"fast": ()}, retries=1, pre_call_checks=True)
    assert from_yaml(to_yaml(router)) == router
    assert from_yaml(to_yaml(router)).digest == router.digest != Router(groups=FAST).digest


def test_broken_yaml_is_told_without_its_content() -> None:
    with pytest.raises(UsageError, match="line 1") as caught:
        from_yaml(f"groups: [{KEY}")
    assert KEY not in str(caught.value)


def test_a_deployment_keeps_its_id_while_the_others_change() -> None:
    [(id, _, _)] = Router(groups=FAST).deployments()
    more = Router(groups={"fast": (Deployment("openai/gpt-5", id="mine"), *FAST["fast"])}, retries=0)
    assert [each for each, _, _ in more.deployments()] == ["mine", id]
