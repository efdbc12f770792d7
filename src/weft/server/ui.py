"""The built web UI, served from the package: hashed assets for ever, pages by their known paths, nothing else."""

import asyncio
import hashlib
import html
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from weft.server.errors import problem

BUILT = Path(__file__).parent.parent / "ui" / "dist"
"""Where the UI's build puts it."""

PAGES = re.compile(
    r"/|/(inbox|threads|memory|tools|secrets|policy|audit)/?|/(chat|runs|knowledge)(/[^/]+)?/?|/threads/[^/]+/history/?"
)
"""Paths that are pages of the UI; its own router tells them apart."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"

_PLAIN = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weft</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
</head>
<body>
<h1>Weft is running</h1>
<p>The API answers at <a href="api/v1/health">api/v1/health</a>, and describes itself at
<a href="api/v1/openapi.json">api/v1/openapi.json</a>.</p>
<p>This copy was installed without its web UI. In a checkout, build it with <code>make ui</code> and start again;
a released wheel has it inside.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    packed: bytes | None
    """The same, gzipped, where the build left a ``.gz`` sibling."""
    etag: str
    mime: str
    forever: bool


def _index(directory: Path) -> dict[str, _Asset]:
    """Every file by its URL path: a request is a look-up, so no path can lead out of the directory."""
    assets: dict[str, _Asset] = {}
    for file in sorted(directory.rglob("*")):
        if not file.is_file() or file.suffix == ".gz" or file.name == "index.html":
            continue
        name = "/" + file.relative_to(directory).as_posix()
        packed = file.with_name(file.name + ".gz")
        body = file.read_bytes()
        assets[name] = _Asset(
            body,
            packed.read_bytes() if packed.is_file() else None,
            f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            _mime(file.name),
            name.startswith("/assets/"),
        )
    return assets


def _mime(name: str) -> str:
    if name.endswith((".js", ".mjs")):
        return "text/javascript; charset=utf-8"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def with_base(page: str, prefix: str) -> str:
    """The page, told under which prefix it is served; its own addresses are relative to that.

    >>> with_base("<html><head><title>x</title>", "/weft")
    '<html><head><base href="/weft/"><title>x</title>'
    """
    page = re.sub(r"<base\b[^>]*>", "", page)
    return re.sub(r"<head\b[^>]*>", lambda head: f'{head[0]}<base href="{html.escape(prefix)}/">', page, count=1)


class UI:
    """The ASGI application behind the API: what no route of it has taken, comes here."""

    def __init__(self, directory: Path = BUILT) -> None:
        self._directory = directory
        self._assets: dict[str, _Asset] | None = None
        self._page = _PLAIN

    @property
    def built(self) -> bool:
        return (self._directory / "index.html").is_file()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise HTTPException(404)
        request = Request(scope, receive)
        prefix = scope.get("root_path", "").rstrip("/")
        response = await self._answer(request, request.scope["path"].removeprefix(prefix) or "/", prefix)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str, prefix: str) -> Response:
        if self._assets is None:
            await asyncio.to_thread(self._load)
        asset = (self._assets or {}).get(path)
        page = PAGES.fullmatch(path) is not None
        if asset is None and not page:
            return problem(404, "There is nothing at this address.")
        if request.method not in ("GET", "HEAD"):
            return problem(405, "Only GET and HEAD are allowed here.", headers={"Allow": "GET, HEAD"})
        return self._show(prefix) if asset is None else _give(request, asset)

    def _load(self) -> None:
        if self.built:
            self._page = (self._directory / "index.html").read_text("utf-8")
        self._assets = _index(self._directory) if self.built else {}

    def _show(self, prefix: str) -> Response:
        policy = _POLICY if self.built else _POLICY.replace("script-src 'self'", "script-src 'none'")
        headers = {"Content-Security-Policy": policy, "Cache-Control": _ASK, "X-Frame-Options": "DENY"}
        return Response(with_base(self._page, prefix), headers=headers, media_type="text/html")


def _give(request: Request, asset: _Asset) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": _FOREVER if asset.forever else _ASK, "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.mime)
    return Response(asset.body, headers=headers, media_type=asset.mime)
