"""Checks of the arguments that a verifier is made with."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from renzheng.errors import InvalidInput
from renzheng.models.packs import Named, Pack
from renzheng.types import Role
from renzheng.verification.policy import Policy

if TYPE_CHECKING:
    from renzheng.faces.liveness import Liveness


def checked_policy(policy: Policy | None) -> Policy:
    """Return the policy, or the default one for None.

    Raises
    ------
    InvalidInput
        If it is something else.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise InvalidInput(f"a policy must be a renzheng.Policy, not {type(policy).__name__}")
    return policy or Policy()


def checked_role(role: Role | str) -> Role:
    """Return a role by its name.

    Raises
    ------
    InvalidInput
        If there is no such role.
    """
    try:
        return Role(role)
    except ValueError:
        raise InvalidInput(
            f"unknown role {role!r}", remedy=f"choose one of {', '.join(Role)}"
        ) from None


def checked_roles(roles: tuple[Role | str, Role | str]) -> tuple[Role, Role]:
    """Return the roles of the reference and the probe.

    Raises
    ------
    InvalidInput
        If one is unknown, or the reference is to be the live picture.
    """
    reference, probe = (checked_role(role) for role in roles)
    if reference is Role.LIVE:
        raise InvalidInput(
            "the reference cannot be the live picture",
            remedy="swap the two, or give a photograph on record the role photo",
        )
    return reference, probe


def loaded_liveness(
    named: Named | Liveness | None, threads: int | None, backend: str | None
) -> Liveness | None:
    """Return the networks for liveness, loaded if they are named; None for None.

    Raises
    ------
    InvalidInput
        If `named` is of another type, or the backend is unknown or not installed.
    PackError
        If the pack is missing, damaged or of another kind.
    """
    if named is None:
        return None
    from renzheng.faces.liveness import Liveness  # most verifiers do without

    if isinstance(named, Liveness):
        return named
    if not isinstance(named, (str, PathLike, Pack)):
        raise InvalidInput(f"a liveness pack must be a name or a folder, not {named!r}")
    return Liveness.from_pack(named, threads, backend=backend)


def check_liveness_role(liveness: Liveness | None, probe: Role) -> None:
    """Check that liveness is only asked of a live picture.

    Raises
    ------
    InvalidInput
        If the probe has another role.
    """
    if liveness is not None and probe is not Role.LIVE:
        raise InvalidInput(
            f"liveness applies to live pictures only, and the probe is a {probe}",
            remedy="leave liveness out, or give the probe the role live",
        )
