"""Results of ours as content blocks of MCP."""

import base64
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from weft.messages import Json, Media, ToolSpec
from weft.protocols.mcp.offer import SAID, Reader, Resource
from weft.protocols.mcp.runs import Outcome
from weft.tools.base import Returned


def result(made: Outcome) -> types.CallToolResult:
    """What a call gave."""
    words = _without_marks(made)
    content: list[Any] = [types.TextContent(type="text", text=words)] if words or not made.media else []
    content += [block(media) for media in made.media]
    meta: Json = {"weft/run": made.run_id, "weft/thread": made.thread_id} if made.run_id else {}
    return types.CallToolResult(
        content=content, structured_content=made.structured, is_error=made.failed, _meta=meta or None
    )


def _without_marks(made: Outcome) -> str:
    """The words, but for lines that only say where media were: those follow as blocks of their own."""
    marks = {f"[{media.mime}: {media.name}]" if media.name else f"[{media.mime}]" for media in made.media}
    return "\n".join(line for line in made.text.split("\n") if line not in marks)


def block(media: Media) -> Any:
    """Words, a picture, a sound, a link, or a file. Media whose name is an address are embedded under that."""
    data = media.data or b""
    if media.mime == SAID:
        return types.TextContent(type="text", text=data.decode(errors="replace"))
    if media.url is not None:
        return types.ResourceLink(
            type="resource_link", uri=media.url, name=media.name or media.url, mime_type=media.mime
        )
    coded = base64.b64encode(data).decode()
    if media.name is None or "://" not in media.name:
        if media.mime.startswith("image/"):
            return types.ImageContent(type="image", data=coded, mime_type=media.mime)
        if media.mime.startswith("audio/"):
            return types.AudioContent(type="audio", data=coded, mime_type=media.mime)
    uri = media.name if media.name and "://" in media.name else f"weft://media/{media.name or 'file'}"
    return types.EmbeddedResource(type="resource", resource=contents_of(uri, media.mime, data))


def contents_of(uri: str, mime: str, data: bytes) -> Any:
    """Bytes at an address: as text, where that is what they are."""
    if _is_text(mime):
        return types.TextResourceContents(uri=uri, mime_type=mime, text=data.decode(errors="replace"))
    return types.BlobResourceContents(uri=uri, mime_type=mime, blob=base64.b64encode(data).decode())


async def read(one: Resource, uri: str, given: Mapping[str, str], reader: Reader) -> list[Any]:
    """What is at ``uri`` now, for this reader."""
    value = await one.content(given, reader)
    if isinstance(value, Returned):
        if value.media:
            return [contents_of(media.name or uri, media.mime, media.data or b"") for media in value.media]
        mime = one.mime or ("application/json" if value.content.startswith(("{", "[")) else "text/plain")
        return [contents_of(uri, mime, value.content.encode())]
    return [contents_of(uri, one.mime or "application/octet-stream", value)]


def described(spec: ToolSpec) -> types.Prompt:
    """A prompt, and its arguments from the schema of the function that makes it."""
    fields: dict[str, Json] = spec.parameters.get("properties", {})
    needed: list[str] = spec.parameters.get("required", [])
    arguments = [
        types.PromptArgument(name=name, description=field.get("description"), required=name in needed)
        for name, field in fields.items()
    ]
    return types.Prompt(name=spec.name, description=spec.description or None, arguments=arguments or None)


def _is_text(mime: str) -> bool:
    return mime.startswith("text/") or mime.endswith(("json", "xml", "yaml", "javascript"))
