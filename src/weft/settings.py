"""What may be set from outside: environment variables ``WEFT_*`` and ``.env``. Read by app, server and cli only."""

from pathlib import Path
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
    tool_packages: Names = ()
    """Python packages whose functions may be added as tools over REST and on the command line."""
    tool_commands: Names = ()
    """Programs that may be started as MCP servers added over REST and on the command line; ``*`` is any."""
    tool_hosts: Names = ()
    """Hosts and networks of MCP servers added so, beside public addresses; ``*`` is any."""
    tool_variables: Names = ()
    """Variables of the environment that tools added over REST and on the command line may send out."""
    model_variables: Names = ()
    """Variables of the environment that deployments added over REST may send to an address of their own."""
    policy: str = "default"
    """What tool calls are held to in apps that the command line makes: ``default``, ``none``, or a YAML file's path."""
    keep: int | None = Field(default=None, ge=1)
    """A server forgets checkpoints beyond the newest so many of each graph in a thread, once an hour."""
    keep_days: float | None = Field(default=None, ge=0)
    """It keeps those of the last so many days; with ``keep``, either is reason enough."""
    secret_key: str | None = None
    """What tokens in the store are sealed under: 32 random characters or more, the same for all on one store."""
    secret_key_file: Path = Path("~/.config/weft/secret.key")
    """Where that key is, and is made, if it is not in the environment."""
    max_body: int = Field(default=10_000_000, ge=1_000)
    """Bytes of a request's body."""

    @field_validator(
        "cors",
        "hosts",
        "tool_packages",
        "tool_commands",
        "tool_variables",
        "tool_hosts",
        "model_variables",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
