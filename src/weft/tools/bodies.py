"""What a request to a service carries: JSON, a form, a form with files, or one file."""

import json
import mimetypes
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeAlias, cast
from urllib.parse import urlencode

from msgspec import Struct

from weft.errors import ToolRetry
from weft.messages import Json

FORM, PARTS, ANY = "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream"
MOST = 20_000_000
"""Bytes of a file that is sent."""
FILE: Json = {
    "type": "object",
    "description": "A file: `path` of one in your folder, or `text` that is in it and the `name` that it gets.",
    "properties": {"path": {"type": "string"}, "text": {"type": "string"}, "name": {"type": "string"}},
    "additionalProperties": False,
    "minProperties": 1,
}
"""How a model gives a file, as JSON Schema."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+")

Read: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Gives a file of the run's folder."""


class Shape(Struct, frozen=True, kw_only=True):
    """How the body of an operation is sent."""

    mime: str
    schema: Json
    """Of what a model gives, as JSON Schema."""
    files: tuple[str, ...] = ()
    """Of a form: the fields that are files."""
    kinds: Mapping[str, str] = {}
    """Of a form: the media types of its fields, where the service names any."""


def shape_of(content: Json, follow: Callable[[Json], Json]) -> Shape | None:
    """Of ``requestBody.content`` (OpenAPI 3) the first that can be sent; ``None`` where there is none.

    ``follow`` gives what a schema's ``$ref`` leads to.
    """
    for mime, told in content.items():
        if "json" in mime and "schema" in told:
            return Shape(mime="application/json", schema=told["schema"])
    if "schema" in content.get(FORM, {}):
        return Shape(mime=FORM, schema=content[FORM]["schema"])
    if "schema" in content.get(PARTS, {}):
        return _form(content[PARTS], follow)
    for mime, told in content.items():
        if mime.startswith("text/"):
            return Shape(mime=mime, schema={"type": "string"})
        if not (schema := follow(told.get("schema", {}))) or _is_file(schema):
            return Shape(mime=mime, schema=FILE)
    return None


async def sent(shape: Shape, body: Any, read: Read) -> tuple[str, bytes]:
    """Its media type and bytes.

    Raises:
        ToolRetry: it has not the form that it must have, or names a file that is not there.
        ToolFailed: a file cannot be read.
    """
    if shape.mime == FORM:
        return FORM, urlencode([(name, _text(each)) for name, each in _fields(body)]).encode()
    if shape.mime == PARTS:
        return await _parts(shape, body, read)
    if shape.schema is FILE:
        name, content = await _file("body", body, read)
        return _kind(shape.mime, name), content
    if shape.mime.startswith("text/"):
        return f"{shape.mime}; charset=utf-8", _text(body).encode()
    return shape.mime, json.dumps(body).encode()


async def _parts(shape: Shape, body: Any, read: Read) -> tuple[str, bytes]:
    """As RFC 7578 has it, names as browsers write them."""
    mark = secrets.token_hex(16)
    made = bytearray()
    for name, value in _fields(body):
        head = f'form-data; name="{_quoted(name)}"'
        kind = shape.kinds.get(name, "")
        if name in shape.files:
            called, content = await _file(name, value, read)
            head, kind = f'{head}; filename="{_quoted(called)}"', _kind(kind, called)
        else:
            content = _text(value).encode()
            kind = kind if _MIME.fullmatch(kind) else "" if isinstance(value, str | int | float) else "application/json"
        lines = [f"--{mark}", f"Content-Disposition: {head}", *([f"Content-Type: {kind}"] if kind else []), "", ""]
        made += "\r\n".join(lines).encode() + content + b"\r\n"
    return f"{PARTS}; boundary={mark}", bytes(made) + f"--{mark}--\r\n".encode()


async def _file(where: str, told: Any, read: Read) -> tuple[str, bytes]:
    """A file's name and what is in it."""
    given = cast("Json", told) if isinstance(told, dict) else {}
    path, text, name = (str(given.get(each) or "") for each in ("path", "text", "name"))
    if path and not text:
        return name or PurePosixPath(path).name, await read(path)
    if name and not path:
        return name, text.encode()
    raise ToolRetry(f"Wrong arguments:\n- {where}: give the path of a file, or text with a name")


def _fields(body: Any) -> list[tuple[str, Any]]:
    """The fields of a form; of a list each item."""
    if not isinstance(body, dict):
        raise ToolRetry("Wrong arguments:\n- body: wanted an object, the fields of a form")
    fields = cast("Json", body).items()
    return [(name, each) for name, value in fields for each in items(value) if each is not None]


def items(value: Any) -> Sequence[Any]:
    """Of a list its items, of anything else itself."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _kind(told: str, name: str) -> str:
    """The media type that a service names, else that of a file with this name."""
    return told if _MIME.fullmatch(told) and told != ANY else mimetypes.guess_type(name)[0] or ANY


def _form(told: Json, follow: Callable[[Json], Json]) -> Shape:
    """A form with every file in it as a model gives one."""
    encoding: Json = told.get("encoding", {})
    schema = follow(told["schema"])
    properties: Json = {}
    files: list[str] = []
    for name, each in schema.get("properties", {}).items():
        given = _given(each, follow)
        properties[name] = each if given is None else given
        files += [] if given is None else [name]
    return Shape(
        mime=PARTS,
        schema={**schema, "properties": properties},
        files=tuple(files),
        kinds={name: each["contentType"] for name, each in encoding.items() if "contentType" in each},
    )


def _given(schema: Json, follow: Callable[[Json], Json]) -> Json | None:
    """How a model gives this field, where it is a file or several; ``None`` where it is neither."""
    told = follow(schema)
    choices = [follow(each) for each in (*told.get("anyOf", ()), *told.get("oneOf", ()))] or [told]
    real = [each for each in choices if each.get("type") != "null"]
    if len(real) != 1:
        return None
    if _is_file(real[0]):
        made: Json = FILE
    elif real[0].get("type") == "array" and _is_file(follow(real[0].get("items", {}))):
        made = {"type": "array", "items": FILE}
    else:
        return None
    made = made if len(real) == len(choices) else {"anyOf": [made, {"type": "null"}]}
    return {**made, "title": told["title"]} if "title" in told else made


def _is_file(told: Json) -> bool:
    """Bytes, as OpenAPI 3.0 (``format``) or 3.1 (``contentMediaType``) says it."""
    bytes_of = told.get("format") == "binary" or ("contentMediaType" in told and "contentEncoding" not in told)
    return told.get("type") == "string" and bytes_of
