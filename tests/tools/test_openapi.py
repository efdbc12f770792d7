"""A service as it describes itself (FastAPI's own document), asked over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import uvicorn
from fastapi import Body, FastAPI, File, Form, Header, HTTPException, Query, Request, Response, UploadFile
from pydantic import BaseModel

from tests.tools.loopback import loopback
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.base import Tool
from weft.tools.openapi import OpenAPI
from weft.tools.run import run_tool
from weft.tools.sets import Filtered, Prefixed

ROOT = Path(__file__).parents[2]


class Owner(BaseModel):
    name: str
    boss: "Owner | None" = None


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"] = "cat"
    owner: Owner | None = None


def service() -> FastAPI:  # noqa: C901 - many small ones
    api = FastAPI()
    pets: dict[int, Pet] = {1: Pet(name="Tom")}
    seen: list[str] = []

    @api.get("/pets", operation_id="listPets")
    def listed(tag: Annotated[list[str], Query(description="Any of them.")] = [], limit: int = 10) -> dict[str, Any]:  # noqa: B006
        """All pets."""
        return {"tags": tag, "limit": limit, "pets": [pet.name for pet in pets.values()]}

    @api.get("/pets/{name:path}/photo", operation_id="photo")
    def photo(name: str) -> Response:
        return Response(b"\x89PNG", media_type="image/png", headers={"x-name": name})

    @api.get("/pets/{id}", operation_id="getPet")
    def one(id: int, authorization: Annotated[str, Header()] = "", x_trace: Annotated[str, Header()] = "") -> Any:
        if id not in pets:
            raise HTTPException(404, f"no pet {id}")
        return {"pet": pets[id], "auth": authorization, "trace": x_trace}

    @api.post("/pets", operation_id="addPet", status_code=201)
    def add(pet: Pet, idempotency_key: Annotated[str, Header(include_in_schema=False)] = "") -> dict[str, Any]:
        seen.append(idempotency_key)
        return {"name": pet.name, "owner": pet.owner and pet.owner.name, "keys": seen}

    @api.delete("/pets/{id}", operation_id="deletePet", status_code=204)
    def gone(id: int) -> None:
        pets.pop(id, None)

    @api.post("/search", operation_id="search")
    def search(words: Annotated[list[str], Form()], limit: Annotated[int, Form()] = 3) -> dict[str, Any]:
        return {"words": words, "limit": limit}

    @api.post("/letters", operation_id="sendLetter")
    def letter(
        title: Annotated[str, Form()],
        scan: UploadFile,
        about: Annotated[list[str], Form()] = [],  # noqa: B006
        more: Annotated[list[UploadFile] | None, File()] = None,
        stamp: UploadFile | None = None,
    ) -> dict[str, Any]:
        files = [scan, *(more or ()), *([stamp] if stamp else [])]
        told = [[each.filename, each.content_type, each.file.read().decode()] for each in files]
        return {"title": title, "about": about, "files": told}

    binary = {"requestBody": {"required": True, "content": {"application/zip": {}}}}
    text = {"requestBody": {"content": {"text/markdown": {"schema": {"type": "string"}}}}}

    @api.put("/archive", operation_id="putArchive", openapi_extra=binary)
    async def archive(request: Request) -> dict[str, Any]:
        return {"type": request.headers["content-type"], "body": (await request.body()).decode()}

    @api.put("/page", operation_id="putPage", openapi_extra=text)
    async def page(request: Request) -> dict[str, Any]:
        return {"type": request.headers["content-type"], "body": (await request.body()).decode()}

    @api.get("/notes", operation_id="notes")
    def notes(body: Annotated[list[str] | None, Body()] = None) -> dict[str, Any]:
        return {"body": body}

    @api.get("/away", operation_id="away")
    def away(port: int) -> Response:
        return Response(status_code=302, headers={"location": f"http://127.0.0.1:{port}/"})

    @api.get("/broken")
    def broken() -> None:
        raise HTTPException(503, "tired")

    return api


@pytest.fixture
async def served() -> AsyncIterator[tuple[dict[str, Any], str]]:
    api = service()
    server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield api.openapi(), f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


async def of(tools: Any, ctx: Context[Any]) -> dict[str, Tool]:
    return {each.name: each for each in await tools.tools(ctx)}


async def test_operations_are_tools(served: tuple[dict[str, Any], str], ctx: Context[Any]) -> None:
    document, url = served
    tools = await of(
        OpenAPI(document, base_url=url, headers=lambda ctx: {"Authorization": f"for {ctx.run.user_id}"}), ctx
    )
    assert {name: each.effect for name, each in tools.items()} == {
        "listPets": "read", "photo": "read", "getPet": "read", "addPet": "once", "deletePet": "idempotent",
        "broken_broken_get": "read", "search": "once", "notes": "read", "away": "read",
        "sendLetter": "once", "putArchive": "idempotent", "putPage": "idempotent",
    }  # fmt: skip
    assert tools["listPets"].spec.description == "Listed\n\nAll pets."
    assert tools["getPet"].spec.parameters["required"] == ["id"]
    assert set(tools["getPet"].spec.parameters["properties"]) == {"id", "x-trace"}
    body = tools["addPet"].spec.parameters
    assert body["properties"]["body"] == {"$ref": "#/$defs/Pet"}
    assert set(body["$defs"]) == {"Pet", "Owner"}

    async def said(name: str, **given: Any) -> str:
        return (await run_tool(tools[name], given, ctx)).content

    assert await said("listPets", tag=["a", "b c&d"], limit=3) == '{"tags":["a","b c&d"],"limit":3,"pets":["Tom"]}'
    assert '"auth":"for u1","trace":"t"' in await said("getPet", id=1, **{"x-trace": "t"})
    pet = {"name": "Rex", "kind": "dog", "owner": {"name": "Ada", "boss": None}}
    assert await said("addPet", body=pet) == f'{{"name":"Rex","owner":"Ada","keys":["{ctx.idempotency_key}"]}}'
    assert await said("deletePet", id=1) == "done (204)"
    assert (await run_tool(tools["photo"], {"name": "x"}, ctx)).media[0].data == b"\x89PNG"


async def test_what_is_wrong_goes_back_in_words(served: tuple[dict[str, Any], str], ctx: Context[Any]) -> None:
    document, url = served
    tools = await of(OpenAPI(document, base_url=url), ctx)
    for name, given, kind, words in [
        (
            "addPet",
            {"body": {"name": 3, "kind": "cow"}},
            ToolRetry,
            r"(?s)Wrong arguments:.*body.kind: 'cow' is not one of",
        ),
        ("addPet", {}, ToolRetry, "'body' is a required property"),
        ("getPet", {"id": 1, "more": 2}, ToolRetry, r"Additional properties are not allowed \('more'"),
        ("getPet", {"id": 9}, ToolRetry, "answered 404.*no pet 9"),
        ("broken_broken_get", {}, ToolFailed, "answered 503.*tired"),
        ("photo", {"name": ".."}, ToolRetry, "cannot be part of an address"),
    ]:
        with pytest.raises(kind, match=words):
            await run_tool(tools[name], given, ctx)
    with pytest.raises(ToolFailed, match="cannot be read"):
        await run_tool((await of(OpenAPI(document, base_url="http://127.0.0.1:9"), ctx))["listPets"], {}, ctx)


async def test_forms_bodies_that_may_be_left_out_and_other_ports(
    served: tuple[dict[str, Any], str], ctx: Context[Any]
) -> None:
    document, url = served
    tools = await of(OpenAPI(document, base_url=url), ctx)
    form = {"words": ["a b", "c&d"], "limit": 2}
    assert (await run_tool(tools["search"], {"body": form}, ctx)).content == '{"words":["a b","c&d"],"limit":2}'
    with pytest.raises(ToolRetry, match="body"):
        await run_tool(tools["search"], {}, ctx)
    assert (await run_tool(tools["notes"], {}, ctx)).content == '{"body":null}'
    with pytest.raises(ToolFailed, match="may not be reached"):
        await run_tool(tools["away"], {"port": 9}, ctx)


async def test_files_are_sent(served: tuple[dict[str, Any], str], ctx: Context[Any], tmp_path: Path) -> None:
    """As FastAPI describes and reads them: those of the folder, and what a model writes itself."""
    document, url = served
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scan.pdf").write_text("%PDF")
    tools = await of(OpenAPI(document, base_url=url, folder=tmp_path), ctx)
    told = tools["sendLetter"].spec.parameters["properties"]["body"]["properties"]
    assert set(told["scan"]["properties"]) == {"path", "text", "name"}
    assert told["more"]["anyOf"][0]["items"]["properties"] == told["scan"]["properties"]
    assert [each["type"] for each in told["stamp"]["anyOf"]] == ["object", "null"]
    body = {
        "title": "Grüße",
        "scan": {"path": "in/scan.pdf"},
        "about": ["a", 'b"; name="title'],
        "more": [{"text": "1,2", "name": 'odd" \r\nname.csv'}, {"path": "in/scan.pdf", "name": "again.bin"}],
        "stamp": {"text": "ok", "name": "s.txt"},
    }
    said = json.loads((await run_tool(tools["sendLetter"], {"body": body}, ctx)).content)
    assert said["title"] == "Grüße"
    assert said["about"] == ["a", 'b"; name="title']
    assert said["files"] == [
        ["scan.pdf", "application/pdf", "%PDF"],
        ["odd%22 %0D%0Aname.csv", "text/csv", "1,2"],
        ["again.bin", "application/octet-stream", "%PDF"],
        ["s.txt", "text/plain", "ok"],
    ]
    body = {"title": "x", "scan": {"path": "in/scan.pdf"}, "stamp": None}
    assert len(json.loads((await run_tool(tools["sendLetter"], {"body": body}, ctx)).content)["files"]) == 1
    for file, words in [
        ({"path": "none.pdf"}, "there is no file 'none.pdf'"),
        ({"path": "x", "text": "y"}, "give the path of a file, or text with a name"),
        ({"text": "y"}, "give the path of a file"),
        ("in/scan.pdf", r"body.scan: 'in/scan.pdf' is not of type 'object'"),
    ]:
        with pytest.raises(ToolRetry, match=words):
            await run_tool(tools["sendLetter"], {"body": {"title": "x", "scan": file}}, ctx)
    with pytest.raises(ToolFailed):
        await run_tool(tools["sendLetter"], {"body": {"title": "x", "scan": {"path": "../x"}}}, ctx)
    zipped = await run_tool(tools["putArchive"], {"body": {"path": "in/scan.pdf"}}, ctx)
    assert json.loads(zipped.content) == {"type": "application/zip", "body": "%PDF"}
    page = await run_tool(tools["putPage"], {"body": "# Grüße"}, ctx)
    assert json.loads(page.content) == {"type": "text/markdown; charset=utf-8", "body": "# Grüße"}


async def test_files_of_the_thread_and_types_that_the_service_names(ctx: Context[Any], tmp_path: Path) -> None:
    """OpenAPI 3.0 says it by a format, and names the types of parts beside the schema."""
    form = {
        "type": "object",
        "properties": {
            "photo": {"type": "string", "format": "binary"},
            "meta": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "raw": {"type": "string"},
        },
        "required": ["photo"],
    }
    encoding = {"photo": {"contentType": "image/png"}, "raw": {"contentType": "text/csv"}}
    content = {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/F"}, "encoding": encoding}}
    operation = {"operationId": "up", "requestBody": {"required": True, "content": content}}
    document = {"openapi": "3.0.3", "components": {"schemas": {"F": form}}, "paths": {"/up": {"post": operation}}}
    async with loopback({"POST /up": {"ok": True}}) as here:
        tools = await of(OpenAPI(document, base_url=here.url, folder=tmp_path), ctx)
        body = {"photo": {"text": "x", "name": "p"}, "meta": {"n": 1}, "raw": "a,b"}
        assert (await run_tool(tools["up"], {"body": body}, ctx)).content == '{"ok": true}'
        (asked,) = here.asked
    assert asked.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    parts = BytesParser(policy=policy.HTTP).parsebytes(
        f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n{asked.body}".encode()
    )
    found = [(each.get_content_type(), each.get_filename(), each.get_content()) for each in parts.iter_parts()]
    assert found == [("image/png", "p", b"x"), ("application/json", None, b'{"n": 1}'), ("text/csv", None, "a,b")]


async def test_the_address_of_a_server_may_have_variables(ctx: Context[Any]) -> None:
    servers = [
        {"url": "http://localhost:{port}/{base}", "variables": {"port": {"default": "9"}, "base": {"default": "v1"}}}
    ]
    document = {"openapi": "3.1.0", "servers": servers, "paths": {"/x": {"get": {"operationId": "x"}}}}
    with pytest.raises(ToolFailed, match="http://localhost:9/v1/x cannot be read"):
        await run_tool((await of(OpenAPI(document), ctx))["x"], {}, ctx)


async def test_wrapped_like_any_set(served: tuple[dict[str, Any], str], ctx: Context[Any]) -> None:
    document, url = served
    api = OpenAPI(document, base_url=url, operations=["getPet", "addPet"], effects={"addPet": "idempotent"})
    wrapped = Prefixed(Filtered(api, lambda tool, ctx: tool.effect == "idempotent"), "pets")
    assert list(await of(wrapped, ctx)) == ["pets_addPet"]


async def test_a_large_document_of_a_real_service(ctx: Context[Any]) -> None:
    tools = await of(OpenAPI(ROOT / "ui" / "openapi.json", base_url="http://127.0.0.1:9"), ctx)
    assert len(tools) > 40
    assert all("$ref" not in str(each.spec.parameters).replace("'$ref': '#/$defs/", "") for each in tools.values())


async def test_properties_may_be_called_as_keywords_are(ctx: Context[Any]) -> None:
    body = {
        "type": "object",
        "properties": {"example": {"type": "string", "example": "x"}, "nullable": {"type": "string"}},
    }
    operation = {"operationId": "add", "requestBody": {"content": {"application/json": {"schema": body}}}}
    tools = await of(
        OpenAPI({"openapi": "3.0.3", "paths": {"/x": {"post": operation}}}, base_url="http://localhost:1"), ctx
    )
    told = tools["add"].spec.parameters["properties"]["body"]["properties"]
    assert told == {"example": {"type": "string"}, "nullable": {"type": "string"}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "cannot be read"),
        ({"swagger": "2.0"}, "names no address"),
        ({"openapi": "3.1.0", "servers": [{"url": "/api"}]}, "names no address"),
        ({"swagger": "2.0", "servers": [{"url": "http://x"}]}, "only documents of OpenAPI 3"),
        (Path("nowhere.json"), "cannot be read"),
    ],
    ids=str,
)
def test_documents_that_are_none(document: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        OpenAPI(document)
