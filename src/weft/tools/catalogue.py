"""The tools that come with Weft: what each is for, and how it is made. Nothing is imported before it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from msgspec import Struct

from weft.errors import NotFound, UsageError
from weft.tools.base import ToolSet
from weft.tools.sets import Fixed


class Builtin(Struct, frozen=True, kw_only=True):
    """One of them."""

    name: str
    title: str
    place: str
    """``module:name``."""
    options: tuple[str, ...] = ()
    """What may be chosen of it wherever it is enabled; the rest only where it is made in Python."""
    made: bool = True
    """Whether it is called with options to be made."""
    python: bool = False
    """Whether it can only be made in Python, as it takes what a server's users must not choose: folders, databases."""


_ROOM = "weft.tools.builtin"

CATALOGUE: Mapping[str, Builtin] = {
    each.name: each
    for each in (
        Builtin(name="calculator", title="Exact arithmetic", place=f"{_ROOM}.basics:calculator", made=False),
        Builtin(name="clock", title="The time, anywhere", place=f"{_ROOM}.basics:clock", made=False),
        Builtin(name="plan", title="A plan of many steps", place=f"{_ROOM}.basics:plan", made=False),
        Builtin(name="ask_person", title="A question to a person", place=f"{_ROOM}.basics:ask_person", made=False),
        Builtin(
            name="fetch", title="Pages of the web as text", place=f"{_ROOM}.fetch:fetch", options=("most", "seconds")
        ),
        Builtin(
            name="web_search",
            title="A search engine: SearXNG, Tavily, Brave, DuckDuckGo",
            place=f"{_ROOM}.searching:web_search",
            options=("engine", "count", "seconds"),
        ),
        Builtin(
            name="workbench",
            title="A shell, Python and files in a sandbox, a folder for each thread",
            place=f"{_ROOM}.workbench:Workbench",
            options=("parts", "approval"),
        ),
        Builtin(
            name="wikipedia",
            title="Wikipedia, or any MediaWiki: search, summaries, articles",
            place=f"{_ROOM}.wikipedia:Wikipedia",
            options=("language", "contact", "count", "seconds"),
        ),
        Builtin(
            name="arxiv",
            title="Papers of arXiv: search, abstracts, links",
            place=f"{_ROOM}.arxiv:Arxiv",
            options=("count", "seconds"),
        ),
        Builtin(
            name="browser",
            title="A real browser: open, read, click, type, look",
            place=f"{_ROOM}.browser:Browser",
            options=("act", "approval", "per", "seconds", "idle"),
        ),
        Builtin(
            name="finance",
            title="Exchange rates, and prices of what is traded",
            place=f"{_ROOM}.finance:Finance",
            options=("seconds",),
        ),
        Builtin(
            name="github",
            title="GitHub: code, issues, pull requests",
            place=f"{_ROOM}.github:GitHub",
            options=("repositories", "write", "approval", "count", "seconds", "token"),
        ),
        Builtin(
            name="slack",
            title="Slack: channels, people, messages",
            place=f"{_ROOM}.slack:Slack",
            options=("channels", "write", "approval", "seconds", "token"),
        ),
        Builtin(name="files", title="A folder that all share", place=f"{_ROOM}.files:Files", python=True),
        Builtin(name="git", title="Git repositories, read-only", place=f"{_ROOM}.git:Git", python=True),
        Builtin(
            name="documents",
            title="PDF, Word, Excel, PowerPoint and more as text, and back",
            place=f"{_ROOM}.documents:Documents",
            options=("write",),
        ),
        Builtin(
            name="image_generation",
            title="Pictures drawn by a model",
            place="weft.agents.media:image_generation",
            options=("model", "size", "quality"),
        ),
        Builtin(
            name="speech",
            title="Texts read aloud by a model",
            place="weft.agents.media:speech",
            options=("model", "voice", "form"),
        ),
        Builtin(
            name="transcription",
            title="What is said in a sound, written down by a model",
            place="weft.agents.media:transcription",
            options=("model", "language"),
        ),
        Builtin(
            name="calendar",
            title="A calendar by CalDAV: events listed, made, changed, deleted",
            place=f"{_ROOM}.calendar:Calendar",
            options=("write", "timezone", "seconds"),
        ),
        Builtin(
            name="dataframe",
            title="CSV, Parquet and JSON files, asked in SQL",
            place=f"{_ROOM}.dataframe:Dataframe",
            options=("rows", "seconds"),
        ),
        Builtin(
            name="email",
            title="A mailbox: search and read by IMAP, send by SMTP",
            place=f"{_ROOM}.email:Email",
            options=("approval", "sender", "seconds"),
        ),
        Builtin(name="sql", title="SQLite and PostgreSQL, read-only", place=f"{_ROOM}.sql:SQL", python=True),
    )
}


def builtin(name: str, **options: Any) -> ToolSet:
    """A tool of the catalogue, as a set.

    Raises:
        NotFound: there is none of that name.
        UsageError: it does not take these options.

    >>> builtin("calculator")
    Fixed(calculator)
    """
    entry = find(name)
    module, _, attribute = entry.place.partition(":")
    found: Any = getattr(import_module(module), attribute)
    if not entry.made and options:
        raise UsageError(f"{name!r} takes no options")
    try:
        made: Any = found(**options) if entry.made else found
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name!r} cannot be made with {options}: {error}") from error
    return made if isinstance(made, ToolSet) else Fixed(made)


def find(name: str) -> Builtin:
    """Raises: NotFound."""
    if name not in CATALOGUE:
        raise NotFound(f"there is no built-in tool {name!r}; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
