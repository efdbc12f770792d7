"""Pages and searches over real HTTP, and every way inside that is not open."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.tools.builtin_site import Site, site
from weft.engine.context import Context
from weft.errors import ToolFailed, UsageError
from weft.tools.builtin.fetch import fetch
from weft.tools.builtin.searching import web_search
from weft.tools.run import run_tool


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site() as running:
        yield running


async def read(ctx: Context[Any], url: str, **options: Any) -> Any:
    return await run_tool(fetch(**options), {"url": url}, ctx)


async def test_pages_as_text(here: Site, ctx: Context[Any]) -> None:
    allow = [f"127.0.0.1:{here.port}"]
    page = (await read(ctx, f"{here.url}/page", allow=allow)).content
    assert page == (
        f"{here.url}/page\nThe Page\n\n"
        "# Heading\n\nOne two three & four.\n\n- first\n- second\n\n| a | b\n\nMore (https://example.com/more)"
    )
    assert "alert" not in page
    assert (await read(ctx, f"{here.url}/latin", allow=allow)).content.endswith("\nKäse")
    assert (await read(ctx, f"{here.url}/json", allow=allow)).content.endswith('\n{"a":[1,2]}')
    (picture,) = (await read(ctx, f"{here.url}/picture", allow=allow)).media
    assert (picture.mime, picture.data) == ("image/png", b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ToolFailed, match="is application/zip, of which there is no text"):
        await read(ctx, f"{here.url}/zip", allow=allow)
    with pytest.raises(ToolFailed, match=r"status 404.*nothing here"):
        await read(ctx, f"{here.url}/none", allow=allow)


async def test_limits_of_size_and_time(here: Site, ctx: Context[Any]) -> None:
    allow = ["127.0.0.0/8"]
    cut = (await read(ctx, f"{here.url}/large", allow=allow, most=1000)).content
    assert "only the first 1,000 bytes" in cut
    assert len(cut) < 1200
    bomb = (await read(ctx, f"{here.url}/bomb", allow=allow, most=100_000)).content
    assert len(bomb) < 100_300
    with pytest.raises(ToolFailed, match=r"did not answer within 0\.2 s"):
        await read(ctx, f"{here.url}/slow", allow=allow, seconds=0.2)
    with pytest.raises(ToolFailed, match="more than 5 redirects"):
        await read(ctx, f"{here.url}/round", allow=allow)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "0",
     "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
     "[64:ff9b::7f00:1]",     "localhost.", "LOCALHOST", "127.0.0.1.", "①②⑦.⓪.⓪.①", "%31%32%37.0.0.1"],
)  # fmt: skip
async def test_ways_to_write_this_machine(host: str, here: Site, ctx: Context[Any]) -> None:
    with pytest.raises(ToolFailed):
        await read(ctx, f"http://{host}:{here.port}/page", seconds=3)
    assert here.asked == []


async def test_a_redirect_is_checked_too(here: Site, ctx: Context[Any]) -> None:
    allow = [f"127.0.0.1:{here.port}"]
    for to in (
        f"http://localhost:{here.port}/json",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://[::1]/",
    ):
        with pytest.raises(ToolFailed, match=r"may not be reached|only http"):
            await read(ctx, f"{here.url}/away?to={to}", allow=allow)
    assert [asked[1].partition("?")[0] for asked in here.asked] == ["/away"] * 4
    assert "[1,2]" in (await read(ctx, f"{here.url}/away?to=/json", allow=allow)).content


async def test_a_name_that_leads_elsewhere_the_second_time(here: Site, ctx: Context[Any]) -> None:
    """DNS rebinding: what was checked is what is connected to, so there is no second time."""
    looked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["192.0.2.1"] if len(looked) > 1 else ["127.0.0.1"]

    with pytest.raises(ToolFailed, match=r"rebind\.example leads to 127\.0\.0\.1 is not a public address"):
        await read(ctx, f"http://rebind.example:{here.port}/page", lookup=lookup)

    async def mixed(host: str, port: int) -> list[str]:
        return ["1.1.1.1", "127.0.0.1"]

    with pytest.raises(ToolFailed, match=r"127\.0\.0\.1 is not a public address"):
        await read(ctx, f"http://mixed.example:{here.port}/page", lookup=mixed)
    assert here.asked == []

    async def ours(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"]

    looked.clear()
    await read(ctx, f"http://intra.example:{here.port}/json", lookup=ours, allow=["intra.example"])
    assert looked == ["intra.example"]  # looked up once


@pytest.mark.parametrize("engine", ["searxng", "tavily", "brave", "duckduckgo"])
async def test_search_engines(engine: Any, here: Site, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    found = await run_tool(web_search(engine, base_url=here.url, key="MY_KEY"), {"query": "an example"}, ctx)
    expected = {
        "searxng": '[{"title":"A b","url":"https://example.com/a","snippet":"c & d"}]',
        "tavily": '[{"title":"A <b>b</b>","url":"https://example.com/a","snippet":"c &amp; d"}]',
        "brave": '[{"title":"A","url":"https://example.com/a","snippet":"c d"}]',
        "duckduckgo": '[{"title":"An example","url":"https://example.com/a?b=1","snippet":"Some & words"}]',
    }
    assert found.content == expected[engine]
    method, path, headers, body = here.asked[0]
    match engine:
        case "searxng":
            assert (method, path) == ("GET", "/search?q=an+example&format=json")
        case "tavily":
            assert (method, headers["Authorization"]) == ("POST", "Bearer secret")
            assert body == '{"query": "an example", "max_results": 8}'
        case "brave":
            assert path == "/res/v1/web/search?q=an+example&count=8"
            assert headers["X-Subscription-Token"] == "secret"
        case _:
            assert (method, body) == ("POST", "q=an+example")


async def test_a_search_that_cannot_be_made(here: Site, ctx: Context[Any]) -> None:
    with pytest.raises(UsageError, match="no search engine 'altavista'"):
        web_search("altavista")  # type: ignore[arg-type]
    with pytest.raises(ToolFailed, match="TAVILY_API_KEY is not set"):
        await run_tool(web_search("tavily"), {"query": "x"}, ctx)
    with pytest.raises(ToolFailed, match="answered 404"):
        await run_tool(web_search("brave", base_url=f"{here.url}/none", key="PATH"), {"query": "x"}, ctx)
