"""``OpenAPI``: the operations of an HTTP service, from its own description, as tools."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import quote, urlsplit

from msgspec import Struct

from weft.engine.context import Context
from weft.errors import AccessDenied, ToolFailed, ToolRetry, UsageError
from weft.messages import Json, Media, ToolSpec
from weft.security.addresses import Reach
from weft.tools.base import Approval, Effect, Returned, Tool
from weft.tools.bodies import MOST, Shape, items, sent, shape_of
from weft.tools.builtin.place import Place, where_of
from weft.tools.mcp.names import safe

METHODS: dict[str, Effect] = {
    "get": "read", "head": "read", "options": "read", "put": "idempotent", "delete": "idempotent",
    "post": "once", "patch": "once",
}  # fmt: skip
"""What HTTP promises of a second call; where it promises nothing, the worst."""
_OURS = ("accept", "content-type", "authorization", "idempotency-key")
"""Headers that no argument sets: OpenAPI describes the first three elsewhere, the last one is the call's."""

Headers: TypeAlias = Mapping[str, str] | Callable[[Context[Any]], Mapping[str, str]]


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of the service."""

    id: str
    method: str
    path: str
    description: str
    parameters: Json
    """JSON Schema of the arguments."""
    places: Mapping[str, tuple[str, str]]
    """Of each argument where it goes (``path``, ``query``, ``header``, ``body``), and under which name."""
    body: Shape | None = None
    """How its body is sent."""


class OpenAPI:
    """Tools of a service that describes itself by OpenAPI 3: a document, a file, or the JSON text of one.

    ``base_url`` is where it answers, if not at the document's first server; it may be on a private network, as you
    name it. ``operations`` are ids to offer, else all. ``headers`` hold keys, or a function of the context makes them.
    ``effects`` corrects what a method says of an operation by id: a POST that only searches is ``"read"``. Files that
    are sent are those of the run's thread, or of a ``folder`` that all runs share.

    Raises:
        UsageError: the document cannot be read, says no address, or has no such operation.
    """

    def __init__(
        self,
        document: Json | str | Path,
        *,
        base_url: str | None = None,
        operations: Sequence[str] | None = None,
        headers: Headers | None = None,
        effects: Mapping[str, Effect] | None = None,
        approval: Approval = False,
        timeout: float = 30.0,
        most: int = 5_000_000,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._place = Place(where_of(folder))
        self._document = _loaded(document)
        self._base = (base_url or _server(self._document)).rstrip("/")
        self._headers: Headers = headers or {}
        self._effects, self._approval, self._timeout, self._most = effects or {}, approval, timeout, most
        known = {each.id: each for each in _operations(self._document)}
        if missing := [id for id in operations or () if id not in known]:
            raise UsageError(f"the service has no operations {missing}; it has {sorted(known)}")
        self.operations = tuple(known.values() if operations is None else (known[id] for id in operations))
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"OpenAPI({self._base!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            self._made = [self._tool(each) for each in self.operations]
        return self._made

    def _tool(self, operation: Operation) -> Tool:
        check = _checker(operation.parameters)

        async def call(arguments: Json, ctx: Context[Any]) -> Returned:
            check(arguments)
            return await self._call(operation, arguments, ctx)

        return Tool(
            spec=ToolSpec(name=safe(operation.id), description=operation.description, parameters=operation.parameters),
            call=call,
            check=check,
            effect=self._effects.get(operation.id, METHODS[operation.method]),
            approval=self._approval,
            timeout=self._timeout + 5,
        )

    async def _call(self, operation: Operation, arguments: Json, ctx: Context[Any]) -> Returned:
        from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, for those who ask

        headers = dict(self._headers(ctx) if callable(self._headers) else self._headers)
        if METHODS[operation.method] == "once":
            headers.setdefault("Idempotency-Key", ctx.idempotency_key)
        path, query, further = _placed(operation, arguments)
        ours = {given.lower() for given in headers}
        headers |= {name: value for name, value in further.items() if name.lower() not in ours}
        told: Json = {"params": query}
        if operation.body is not None and arguments.get("body") is not None:
            reading = partial(self._place.read, ctx, most=MOST)
            headers["Content-Type"], told["data"] = await sent(operation.body, arguments["body"], reading)
        web = Web(Reach([_host(self._base)]), most=self._most, seconds=self._timeout)
        try:
            page = await web.ask(operation.method.upper(), self._base + path, headers=headers, **told)
        except AccessDenied as error:
            raise ToolFailed(str(error)) from None
        if page.status in (400, 404, 409, 422):
            raise ToolRetry(f"the service answered {page.status}: {page.text[:2000]}")
        if page.status >= 400:
            raise ToolFailed(f"the service answered {page.status}: {page.text[:2000]}")
        if page.mime.startswith(("image/", "audio/")):
            return Returned(content=f"[{page.mime}]", media=(Media(mime=page.mime, data=page.body),))
        return Returned(content=page.text or f"done ({page.status})")


def _placed(operation: Operation, arguments: Json) -> tuple[str, list[tuple[str, str]], dict[str, str]]:
    """Path, query and headers of a call. Raises: ToolRetry."""
    path, query, headers = operation.path, list[tuple[str, str]](), dict[str, str]()
    for name, value in arguments.items():
        place, there = operation.places[name]
        if place == "path":
            path = path.replace(f"{{{there}}}", _segment(name, value))
        elif place == "query":
            query += [(there, _text(each)) for each in items(value)]
        elif place == "header":
            headers[there] = _text(value)
    return path, query, headers


def _host(base: str) -> str:
    """With its port: what else listens there is nothing of the service."""
    parts = urlsplit(base)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _segment(name: str, value: Any) -> str:
    """One part of a path, which leads nowhere else."""
    text = _text(value)
    if text in ("", ".", ".."):
        raise ToolRetry(f"Wrong arguments:\n- {name}: given {text!r}, which cannot be part of an address")
    return quote(text, safe="")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _loaded(document: Json | str | Path) -> Json:
    if isinstance(document, dict):
        return document
    try:
        text = document.read_text() if isinstance(document, Path) else document
        if not text.lstrip().startswith("{"):
            import yaml  # noqa: PLC0415  # only for documents in YAML

            return yaml.safe_load(text)
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"the OpenAPI document cannot be read: {error}") from error


def _server(document: Json) -> str:
    servers: list[Json] = document.get("servers") or [{}]
    url: str = servers[0].get("url", "")
    for name, variable in servers[0].get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    if not url.startswith(("http://", "https://")):
        raise UsageError("the OpenAPI document names no address of its service: give base_url")
    return url


def _operations(document: Json) -> list[Operation]:
    if not str(document.get("openapi", "")).startswith("3."):
        raise UsageError("only documents of OpenAPI 3 are understood")
    found: list[Operation] = []
    for path, item in document.get("paths", {}).items():
        shared = item.get("parameters", [])
        found += [_operation(document, path, method, item[method], shared) for method in METHODS if method in item]
    return found


def _operation(document: Json, path: str, method: str, told: Json, shared: Sequence[Json]) -> Operation:
    properties: Json = {}
    required: list[str] = []
    places: dict[str, tuple[str, str]] = {}
    given = {
        (each["name"], each["in"]): each
        for each in (_followed(document, one) for one in [*shared, *told.get("parameters", [])])
    }
    for (name, place), each in given.items():
        if place not in ("path", "query", "header") or (place == "header" and name.lower() in _OURS):
            continue
        key = name if name not in properties and name != "body" else f"{place}_{name}"
        schema: Json = each.get("schema") or {}
        properties[key] = schema | ({"description": each["description"]} if each.get("description") else {})
        places[key] = (place, name)
        if each.get("required") or place == "path":
            required.append(key)
    body = _followed(document, told.get("requestBody", {}))
    shape = shape_of(body.get("content", {}), partial(_followed, document))
    if shape is not None:
        properties["body"], places["body"] = shape.schema, ("body", "body")
        required += ["body"] if body.get("required") else []
    parameters: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    parameters |= {"required": required} if required else {}
    words: list[str] = [told.get("summary", ""), told.get("description", "")]
    return Operation(
        id=told.get("operationId") or f"{method}_{path.strip('/').replace('/', '_').replace('{', '').replace('}', '')}",
        method=method,
        path=path,
        description="\n\n".join(dict.fromkeys(filter(None, words))) or f"{method.upper()} {path}",
        parameters=_self_contained(document, parameters),
        places=places,
        body=shape,
    )


def _followed(document: Json, node: Json) -> Json:
    """What a reference leads to, inside the document."""
    for _ in range(10):
        if "$ref" not in node:
            return node
        node = _at(document, node["$ref"])
    raise UsageError("references of the OpenAPI document go round in a circle")


def _at(document: Json, ref: str) -> Json:
    if not ref.startswith("#/"):
        raise UsageError(f"the OpenAPI document refers to another one ({ref}): give it in one piece")
    found: Any = document
    try:
        for part in ref[2:].split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
    except (KeyError, TypeError):
        raise UsageError(f"the OpenAPI document refers to {ref}, which is not there") from None
    return found


def _self_contained(document: Json, schema: Json) -> Json:
    """The schema with all that it refers to in ``$defs``, and ``nullable`` of OpenAPI 3.0 as JSON Schema says it."""
    names: dict[str, str] = {}
    found: Json = {}

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(each) for each in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        told = cast("Json", node)
        if isinstance(ref := told.get("$ref"), str):
            if ref not in names:
                names[ref] = safe(ref.rpartition("/")[2])
                found[names[ref]] = walk(_at(document, ref))
            return {"$ref": f"#/$defs/{names[ref]}"}
        made: Json = {
            key: {name: walk(each) for name, each in value.items()} if key == "properties" else walk(value)
            for key, value in told.items()
            if key not in ("nullable", "example", "xml")
        }
        return {"anyOf": [made, {"type": "null"}]} if told.get("nullable") is True else made

    made = walk(schema)
    return made | ({"$defs": found} if found else {})


def _checker(schema: Json) -> Callable[[Json], None]:
    made: list[Any] = []

    def check(arguments: Json) -> None:
        """Raises: ToolRetry."""
        if not made:
            import jsonschema  # noqa: PLC0415  # at the first call

            made.append(jsonschema.Draft202012Validator(schema))
        problems = sorted(made[0].iter_errors(arguments), key=lambda one: list(map(str, one.path)))
        if problems:
            lines = [f"- {'.'.join(map(str, one.path)) or 'arguments'}: {one.message[:300]}" for one in problems[:6]]
            raise ToolRetry("\n".join(["Wrong arguments:", *lines]))

    return check
