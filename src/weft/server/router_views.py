"""Routers as the API shows them."""

from msgspec import Struct

from weft.models.places import Health
from weft.models.router import Router
from weft.models.routing import Deployment
from weft.models.stored import Version


class RouterView(Struct, frozen=True, kw_only=True):
    """The router, and which version of it this is."""

    version: int
    """To be sent back with a change."""
    at: float | None
    """When it was written, in seconds since the epoch."""
    router: Router


class DeploymentView(Struct, frozen=True, kw_only=True):
    """A deployment in its place."""

    id: str
    group: str
    deployment: Deployment


class Deployments(Struct, frozen=True):
    """All deployments of the router."""

    items: list[DeploymentView]
    version: int


class RouterHealth(Struct, frozen=True, kw_only=True):
    """How the deployments of this version do."""

    version: int
    deployments: list[Health]


ROUTER_VIEWS: tuple[type[Struct], ...] = (RouterView, Deployments, RouterHealth)


def router_view(kept: Version) -> RouterView:
    return RouterView(version=kept.version, at=kept.at, router=kept.router)


def deployments_of(kept: Version) -> Deployments:
    shown = [DeploymentView(id=id, group=group, deployment=each) for id, group, each in kept.router.deployments()]
    return Deployments(shown, kept.version)
