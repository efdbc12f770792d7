"""What ``FILE.py`` and ``FILE.py:name`` mean: the agents, graphs or the app in a file."""

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from weft.errors import NotFound, UsageError, WeftError


def split(spec: str) -> tuple[Path, str | None]:
    """The file and the name in it.

    >>> split("desk.py:writer")
    (PosixPath('desk.py'), 'writer')
    """
    head, colon, name = spec.rpartition(":")
    if colon and head.endswith(".py"):
        return Path(head), name or None
    return Path(spec), None


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
