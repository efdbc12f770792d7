"""Which variables of the environment a deployment may send that somebody added from outside, and where to.

Else whoever may change a router could have any variable of the server sent to an address of theirs.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from weft.errors import AccessDenied
from weft.models.choose import KEYS
from weft.models.direct import PREFIX
from weft.models.routing import Deployment, is_reference

_OWN = {(model.partition("/")[0], variable) for variable, model in KEYS}
"""Providers, and the variables that their keys are in."""


def check(deployments: Collection[Deployment], allowed: Collection[str], known: Collection[Deployment] = ()) -> None:
    """Whether these may be added where ``known`` ones are there already, and these variables may be sent anywhere.

    >>> check([Deployment("openai/gpt-5-mini", api_key="os.environ/OPENAI_API_KEY")], ())
    >>> check([Deployment("openai/x", base_url="https://a.example", api_key="os.environ/OPENAI_API_KEY")], ())
    Traceback (most recent call last):
    ...
    weft.errors.AccessDenied: openai/x: OPENAI_API_KEY may not be sent there: set WEFT_MODEL_VARIABLES to allow it

    Raises:
        AccessDenied: one of them sends what it may not.
    """
    for one in deployments:
        if one in known:
            continue
        if "://" in one.model:
            raise AccessDenied(f"{one.model}: an address is given as base_url")
        for name, own in _sent(one):
            if name not in allowed and not own:
                raise AccessDenied(f"{one.model}: {name} may not be sent there: set WEFT_MODEL_VARIABLES to allow it")


def _sent(one: Deployment) -> Iterator[tuple[str, bool]]:
    """The variables that it sends, and whether each is its provider's key, on the way to the provider."""
    provider = one.model.removeprefix(PREFIX).partition("/")[0]
    if one.api_key is not None:
        name = _name(one.api_key)
        yield name, one.base_url is None and (provider, name) in _OWN
    for name in _named(one.settings):
        yield name, False


def _named(value: Any) -> Iterator[str]:
    if is_reference(value):
        yield _name(value)
    elif isinstance(value, Mapping):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType]  # JSON
            yield from _named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]  # JSON
            yield from _named(inner)


def _name(reference: str) -> str:
    return reference.partition("/")[2]
