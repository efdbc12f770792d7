"""What ``FILE.py`` and ``FILE.py:name`` mean: the agents, graphs or the app in a file."""

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from msgspec import Struct

from weft.agents.agent import Agent
from weft.app import App
from weft.engine.context import Target
from weft.errors import NotFound, UsageError, WeftError
from weft.security.policy import Policy, read_policy
from weft.settings import Settings

T = TypeVar("T")


def split(spec: str) -> tuple[Path, str | None]:
    """The file and the name in it.

    >>> split("desk.py:writer")
    (PosixPath('desk.py'), 'writer')
    """
    head, colon, name = spec.rpartition(":")
    if colon and head.endswith(".py"):
        return Path(head), name or None
    return Path(spec), None


def only_here() -> str:
    """The one Python file of this folder that uses Weft.

    Raises:
        UsageError: there is none, or more than one.
    """
    found = sorted([path.name for path in Path().glob("*.py") if _uses_weft(path)])
    if len(found) != 1:
        told = f"several files here use weft ({', '.join(found)})" if found else "no Python file here uses weft"
        raise UsageError(f"{told}: say which one holds what ran, as FILE.py")
    return found[0]


def _uses_weft(path: Path) -> bool:
    return bool(
        re.search(r"^\s*(from|import)\s+weft\b", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    )


def load(path: Path) -> ModuleType:
    """Import a file as a module; its folder is on the import path, as with ``python FILE.py``.

    Raises:
        NotFound: there is no such file.
        UsageError: it cannot be imported; the message says where it stopped.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}")
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (KeyboardInterrupt, WeftError):
        raise
    except BaseException as error:
        raise UsageError(f"{path.name} cannot be imported: {_where(error, path)}") from error
    return module


def _where(error: BaseException, path: Path) -> str:
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return words
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{words} (line {lines[-1]})" if lines else words


def public(module: ModuleType) -> Mapping[str, Any]:
    """What the module's author wrote under a name that others may use."""
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


@runtime_checkable
class _Runnable(Target, Protocol):
    """A target, told apart from other values."""


class Opened(Struct, frozen=True):
    """What a command works on."""

    app: App
    target: str | None = None
    """The target that was named, or the only one there is."""

    def one(self) -> str:
        """The target to run.

        Raises:
            UsageError: there are several, and none was named.
        """
        if self.target is not None:
            return self.target
        raise UsageError(f"name one of them: {', '.join(sorted(self.app.targets()))}")


def open_spec(spec: str, *, store: str | None = None, model: str | None = None) -> Opened:
    """The app of ``FILE.py`` or ``FILE.py:name``: the one that is in it, or one made of all that can be run in it.

    ``name`` is a variable or the name of a target; ``store`` and ``model`` take the place of what the file says.

    Raises:
        NotFound: there is no such file, or nothing of that name in it.
        UsageError: the file cannot be imported, or nothing in it can be run.
    """
    path, name = split(spec)
    return opened(path, name, public(load(path)), store=store, model=model)


def opened(
    path: Path, name: str | None, values: Mapping[str, Any], *, store: str | None = None, model: str | None = None
) -> Opened:
    """The same of a file that was loaded. Raises: NotFound, UsageError, as ``open_spec``."""
    named = None if name is None else values.get(name)
    first = [named] if isinstance(named, App | _Runnable) else list(values.values())
    apps = _distinct(value for value in first if isinstance(value, App)) or _holding(values, named)
    like = apps[0] if len(apps) == 1 else None
    if store is None and like is not None and not like.placed:
        store = Settings().store
    if like is not None and model is None:
        app = like
        app.store_url = store or app.store_url
    else:
        targets = _targets([*first, *values.values()])
        if not targets:
            raise UsageError(f"{path.name} holds no agent, graph or app; make one: agent = Agent('name', ...)")
        app = _made(targets, like, store, model)
    return Opened(app, _chosen(app, path, name, named))


def _holding(values: Mapping[str, Any], named: Any) -> list[App]:
    """The apps in the file that serve the very thing that was named."""
    apps = _distinct(value for value in values.values() if isinstance(value, App))
    return [app for app in apps if any(target is named for target in app.targets().values())]


def _targets(values: Iterable[Any]) -> list[Target]:
    """All that can be run, each once; of two with one name the first."""
    found: dict[str, Target] = {}
    for value in values:
        if isinstance(value, App):
            found = {**value.targets(), **found}
        elif isinstance(value, _Runnable) and not isinstance(value, type):
            found.setdefault(value.name, value)
    return list(found.values())


def _made(targets: Sequence[Target], like: App | None, store: str | None, model: str | None) -> App:
    remodelled = [with_model(target, model) for target in targets]
    return plain_app(remodelled, store=store) if like is None else like.with_targets(remodelled, store=store)


def plain_app(targets: Sequence[Target], *, store: str | None = None) -> App:
    """An app as the settings have it, for targets that no app of the user's serves.

    Raises:
        UsageError: the policy that they name cannot be read.
    """
    settings = Settings()
    return App(
        targets=targets,
        store=store or settings.store,
        workspace=settings.workspace,
        policy=policy_in(settings),
    )


def policy_in(settings: Settings) -> Policy | None:
    """What tool calls are held to by the settings: the default policy, unless they say otherwise.

    Raises:
        UsageError: they name a file that cannot be read, or is no policy.
    """
    if settings.policy == "none":
        return None
    return Policy() if settings.policy == "default" else read_policy(settings.policy)


def _chosen(app: App, path: Path, name: str | None, named: Any) -> str | None:
    targets = list(app.targets())
    if isinstance(named, _Runnable):
        return named.name
    if name is None or isinstance(named, App):
        return targets[0] if len(targets) == 1 else None
    if name in targets:
        return name
    raise NotFound(f"{path.name} holds no {name!r}; it holds {', '.join(targets)}")


def with_model(target: Target, model: str | None) -> Target:
    """The agent on another model; anything else as it is."""
    if model is None or not isinstance(target, Agent):
        return target
    return replace(cast("Agent[Any]", target), model=model, route=None)


def _distinct(values: Iterable[T]) -> list[T]:
    """Each object once, however many names it has."""
    return list({id(value): value for value in values}.values())
