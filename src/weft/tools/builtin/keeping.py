"""What tools make: kept in the store, told as the event ``tool.file``, and named for the model."""

import mimetypes
from typing import Any

from weft.engine.context import Context
from weft.events import Custom
from weft.storage.base import Scope, Store


async def keep(ctx: Context[Any], name: str, content: bytes, mime: str = "") -> str:
    """Put it into the store, if there is one; its line for the model."""
    mime = mime or mimetypes.guess_type(name)[0] or "application/octet-stream"
    store: Store | None = ctx.run.store
    if store is not None:
        scope = Scope(ctx.run.workspace, ctx.run.user_id)
        sha = await store.blobs.put(scope, content, mime, thread=ctx.run.thread_id)
        ctx.emit(Custom("tool.file", {"name": name, "mime": mime, "bytes": len(content), "blob": sha}))
    return f"\n[file {name}: {mime}, {len(content):,} bytes]"
