"""Bytes by their SHA-256: pictures, sounds and files of messages."""

from fastapi import APIRouter, Response

from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import Sha256

router = APIRouter(prefix="/blobs", tags=["blobs"])

_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/")
"""What a browser may show in place; all else it must save, so that no stored page or script ever runs."""


@router.get(
    "/{sha256}",
    operation_id="getBlob",
    response_class=Response,
    responses={**answers(None, 404), 200: {"description": "The bytes", "content": {"application/octet-stream": {}}}},
)
async def show(sha256: Sha256, app: AppDep, scope: ScopeDep) -> Response:
    """The bytes, with the type they were stored under. They never change."""
    body, mime = await app.store.blobs.get(scope, sha256)
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline" if mime.startswith(_SHOWN) else "attachment",
    }
    return Response(body, headers=headers, media_type=mime if mime.isascii() and mime.isprintable() else None)
