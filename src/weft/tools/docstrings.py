"""What a docstring says of a function and of each parameter: Google, NumPy and Sphinx style."""

import re
from dataclasses import dataclass, field
from inspect import cleandoc

_PARAMETERS = frozenset({"args", "arguments", "params", "parameters", "keyword args", "keyword arguments",
                         "other parameters"})  # fmt: skip
_RESULTS = frozenset({"returns", "return", "yields", "yield"})
_OTHER = frozenset({"raises", "raise", "example", "examples", "note", "notes", "attributes", "see also", "references",
                    "warning", "warnings", "warns", "methods", "todo"})  # fmt: skip
_SECTIONS = _PARAMETERS | _RESULTS | _OTHER

_GOOGLE_ITEM = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s*(.*)")
_NUMPY_ITEM = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX_PARAMETER = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
_SPHINX_RESULT = re.compile(r":returns?\s*:\s*(.*)")
_SPHINX_FIELD = re.compile(r":\w+[^:]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Docstring:
    """Its parts. ``description`` is what stands before the first section, and what is returned."""

    description: str
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parse(text: str | None) -> Docstring:
    """The parts of a docstring; sections on errors, examples and notes are left out.

    >>> parse('''Add.
    ...
    ...     Args:
    ...         a (int): The first
    ...             number.
    ... ''')
    Docstring(description='Add.', parameters={'a': 'The first number.'})
    """
    description: list[str] = []
    parameters: dict[str, str] = {}
    for title, lines, numpy in _sections(cleandoc(text or "").splitlines()):
        if title in _PARAMETERS:
            parameters |= _numpy_items(lines) if numpy else _google_items(lines)
        elif title in _RESULTS:
            description.append(f"{title.rstrip('s').capitalize()}s: {_joined(lines)}")
        elif not title:
            words, fields = _sphinx(lines)
            parameters |= fields
            description.append(words)
    return Docstring(description="\n\n".join(filter(None, description)), parameters=parameters)


def _sections(lines: list[str]) -> list[tuple[str, list[str], bool]]:
    """(title, lines, whether it is NumPy's underlined kind); the first has no title."""
    found: list[tuple[str, list[str], bool]] = [("", [], False)]
    skip = False
    for index, line in enumerate(lines):
        if skip:
            skip = False
            continue
        title = line.strip().rstrip(":").lower()
        below = lines[index + 1].strip() if index + 1 < len(lines) else ""
        if title in _SECTIONS and len(below) > 2 and not below.strip("-="):
            found.append((title, [], True))
            skip = True
        elif title in _SECTIONS and not line.startswith(" ") and line.rstrip().endswith(":"):
            found.append((title, [], False))
        else:
            found[-1][1].append(line)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return " ".join(filter(None, (line.strip() for line in lines)))


def _google_items(lines: list[str]) -> dict[str, str]:
    filled = [line for line in lines if line.strip()]
    outer = min((_indent(line) for line in filled), default=0)
    items: dict[str, list[str]] = {}
    current: list[str] = []
    for line in filled:
        match = _GOOGLE_ITEM.match(line.strip()) if _indent(line) == outer else None
        if match:
            current = items.setdefault(match[1], [match[2]])
        else:
            current.append(line)
    return {name: _joined(words) for name, words in items.items()}


def _numpy_items(lines: list[str]) -> dict[str, str]:
    items: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        match = _NUMPY_ITEM.match(line) if line and not line.startswith(" ") else None
        if match:
            names = [name.strip(" *") for name in match[1].split(",")]
            items |= dict.fromkeys(names, "")
        else:
            items |= {name: _joined([items[name], line]) for name in names}
    return items


def _sphinx(lines: list[str]) -> tuple[str, dict[str, str]]:
    """The words before any field list (with ``:returns:``), and its parameters."""
    words: list[str] = []
    results: list[str] = []
    fields: dict[str, list[str]] = {}
    current = words
    for line in lines:
        text = line.strip()
        if match := _SPHINX_PARAMETER.match(text):
            current = fields.setdefault(match[1], [match[2]])
        elif match := _SPHINX_RESULT.match(text):
            results = current = [match[1]]
        elif _SPHINX_FIELD.match(text):
            current = []
        else:
            current.append(line)
    description = "\n".join(words).strip()
    if results:
        description = f"{description}\n\nReturns: {_joined(results)}".strip()
    return description, {name: _joined(parts) for name, parts in fields.items()}
