"""Collections of documents: upload, list, search, read around a citation, take away."""

import json
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from weft.errors import AccessDenied, UsageError
from weft.knowledge.collection import Collection
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.knowledge_views import (
    Collections,
    DocumentPage,
    DocumentView,
    ExcerptView,
    FoundPassages,
    document_view,
    passage_view,
)
from weft.server.schemas import Body, Cursor, Id, Limit, Number, Words, sound
from weft.server.views import reply
from weft.storage.base import Scope

router = APIRouter(prefix="/knowledge", tags=["knowledge"])

User = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Whose; who asks, if not named.")
]
_LONG = 2_000
Name = Annotated[Words, StringConstraints(min_length=1, max_length=1_000)]
Called = Annotated[
    str | None,
    Query(
        min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]+$", description="Of the file whose bytes follow."
    ),
]
Told = Annotated[str | None, Query(max_length=10_000, description="A JSON object: `where`, or metadata.")]
Readers = Annotated[
    list[str] | None,
    Query(max_length=50, description="Who may read it beside its owner: `workspace`, users, `role:NAME`."),
]


class AddDocument(Body):
    """Words, or an address to take them from."""

    text: Annotated[Words | None, Field(min_length=1)] = None
    url: Annotated[Words | None, Field(max_length=4_000)] = None
    name: Name | None = None
    metadata: dict[str, Any] | None = None
    readers: Annotated[list[Name], Field(max_length=50)] | None = None


_SENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": AddDocument.model_json_schema()},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def _of(app: AppDep, scope: Scope, user: str | None, name: str) -> Collection:
    if scope.user is not None and user not in (None, scope.user):
        raise AccessDenied("these are another user's documents")
    return app.knowledge(name, scope.user or user)


def _object(told: str | None, what: str) -> dict[str, Any]:
    """Raises: UsageError."""
    try:
        found: Any = sound(json.loads(told or "{}"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is a JSON object: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{what} is a JSON object")
    return found  # pyright: ignore[reportUnknownVariableType]  # JSON has only text for keys


@router.get("", operation_id="listCollections", responses=answers(Collections, 403))
async def index(app: AppDep, scope: ScopeDep, user: User = None) -> Response:
    """The collections in which there is something to read."""
    if scope.user is not None and user not in (None, scope.user):
        raise AccessDenied("these are another user's documents")
    return reply(Collections(list(await app.collections(scope.user or user))))


@router.get("/{name}/documents", operation_id="listDocuments", responses=answers(DocumentPage, 403))
async def documents(
    name: Id, app: AppDep, scope: ScopeDep, user: User = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """What may be read, in the order in which it was added."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 17):
        raise UsageError(f"{cursor!r} is no cursor of this list")
    rows = await _of(app, scope, user, name).documents(after=int(cursor or 0), limit=limit + 1)
    more = str(rows[limit - 1].n) if len(rows) > limit else None
    return reply(DocumentPage([document_view(row) for row in rows[:limit]], more))


@router.post(
    "/{name}/documents",
    operation_id="addDocument",
    status_code=202,
    responses=answers(DocumentView, 403, 413, status=202),
    openapi_extra=_SENT,
)
async def add(
    name: Id,
    request: Request,
    app: AppDep,
    scope: ScopeDep,
    called: Annotated[Called, Query(alias="name")] = None,
    metadata: Told = None,
    readers: Readers = None,
    user: User = None,
) -> Response:
    """Keep a document to be read: with `name` the bytes of a file, without it JSON with `text` or `url`."""
    if called is None:
        told = _told(await request.body())
        source, text, called = told.url, told.text, told.name or ""
        facts, readers = told.metadata or {}, told.readers
    else:
        source, text, facts = await request.body(), None, _object(metadata, "metadata")
    if scope.user is not None and readers:
        raise AccessDenied("only who sees the whole workspace lets others read a document")
    shelf = _of(app, scope, user, name)
    row = await shelf.add(source, text=text, name=called, metadata=facts, readers=readers, wait=False)
    return reply(document_view(row), 202)


def _told(body: bytes) -> AddDocument:
    """Raises: UsageError."""
    try:
        found = AddDocument.model_validate(_object(body.decode(), "the body"))
    except (pydantic.ValidationError, UnicodeDecodeError) as error:
        raise UsageError(f"give the bytes of a file with ?name=, or JSON with text or url: {error}") from None
    if (found.text is None) == (found.url is None):
        raise UsageError("give either text or url")
    if found.url is not None and not found.url.startswith(("http://", "https://")):
        raise UsageError("an address begins with http:// or https://")
    return found


@router.get("/{name}/search", operation_id="searchDocuments", responses=answers(FoundPassages, 403))
async def search(
    name: Id,
    app: AppDep,
    scope: ScopeDep,
    q: Annotated[str, Query(min_length=1, max_length=_LONG, pattern=r"^[^\x00]+$")],
    where: Told = None,
    limit: Annotated[Number, Query(ge=1, le=100)] = 8,
    user: User = None,
) -> Response:
    """The passages that fit best, best first; `where` is what their documents' metadata must be."""
    found = await _of(app, scope, user, name).search(q, limit=limit, where=_object(where, "where"))
    return reply(FoundPassages([passage_view(each) for each in found]))


@router.get("/{name}/documents/{id}", operation_id="getDocument", responses=answers(DocumentView, 403, 404))
async def show(name: Id, id: Id, app: AppDep, scope: ScopeDep, user: User = None) -> Response:
    """A document, and how far it is."""
    return reply(document_view(await _of(app, scope, user, name).get(id)))


@router.get("/{name}/documents/{id}/text", operation_id="getDocumentText", responses=answers(ExcerptView, 403, 404))
async def text(
    name: Id,
    id: Id,
    app: AppDep,
    scope: ScopeDep,
    offset: Annotated[Number, Query(ge=0, le=2**53)] = 0,
    characters: Annotated[Number, Query(ge=1, le=100_000)] = 2_000,
    user: User = None,
) -> Response:
    """Its text around a citation: so many characters before and after it, in whole pieces."""
    excerpt = await _of(app, scope, user, name).around(id, offset, characters=characters)
    return reply(ExcerptView(excerpt.text, excerpt.offset))


@router.delete(
    "/{name}/documents/{id}",
    operation_id="removeDocument",
    status_code=204,
    responses=answers(None, 403, 404, status=204),
)
async def remove(name: Id, id: Id, app: AppDep, scope: ScopeDep, user: User = None) -> Response:
    """Take it away with all that was made of it; no bytes are left."""
    await _of(app, scope, user, name).remove(id)
    return Response(status_code=204)
