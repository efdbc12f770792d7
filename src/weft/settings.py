"""What may be set from outside: environment variables ``WEFT_*`` and ``.env``. Read by app, server and cli only."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Names = Annotated[tuple[str, ...], NoDecode]
"""Several names in one variable, with commas between them."""


class Settings(BaseSettings):
    """Everything has a default that is safe on a laptop: loopback only, one SQLite file, no foreign origin.

    >>> Settings(cors="https://a.example, https://b.example").cors
    ('https://a.example', 'https://b.example')
    """

    model_config = SettingsConfigDict(env_prefix="WEFT_", env_file=".env", extra="ignore", frozen=True)

    store: str = "sqlite:///weft.db"
    """Where everything is kept: ``sqlite:///FILE`` or ``postgresql://...``."""
    workspace: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    model: str | None = None
    """The model of agents that name none; without it, the best that this machine can reach is chosen."""
    base_url: str | None = None
    """Where that model's provider answers, for a server of one's own."""
    host: str = "127.0.0.1"
    port: int = Field(default=4280, ge=0, le=65535)
    """0 takes any free port."""
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """The URL prefix under which a proxy serves this, such as ``/weft``."""
    cors: Names = ()
    """Origins whose pages may call the API, beside its own."""
    hosts: Names = ()
    """Host names that the server answers to, beside localhost and ``host``; ``*`` is any."""
    keep: int | None = Field(default=None, ge=1)
    """A server forgets checkpoints beyond the newest so many of each graph in a thread, once an hour."""
    keep_days: float | None = Field(default=None, ge=0)
    """It keeps those of the last so many days; with ``keep``, either is reason enough."""
    max_body: int = Field(default=10_000_000, ge=1_000)
    """Bytes of a request's body."""

    @field_validator("cors", "hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
