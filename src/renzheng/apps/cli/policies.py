"""The options of commands that decide: policy, roles and liveness."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import verifiers
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.verification.verifier import Verifier


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Add the options of the policy, the conditions of a match."""
    parser.add_argument(
        "--max-fmr",
        type=float,
        default=1e-4,
        metavar="RATE",
        help="highest false match rate (FMR) of a match (default: 1e-4, one in 10,000)",
    )
    parser.add_argument(
        "--inconclusive",
        type=float,
        default=10.0,
        metavar="TIMES",
        help="inconclusive up to this many times --max-fmr (default: 10; 1 for never)",
    )
    parser.add_argument(
        "--min-quality",
        action="append",
        default=[],
        metavar="ROLE.MEASURE=N",
        help="refuse a picture whose quality component is below N (0 to 100), e.g. "
        "live.sharpness=30; repeatable (`renzheng quality` shows the measures)",
    )
    parser.add_argument(
        "--liveness",
        metavar="PACK",
        help="check with this pack that the live picture shows a live face: minifasnet, once it is "
        "added (`renzheng packs add minifasnet`), or a folder. Below the threshold there is no "
        "match. One picture cannot rule out a good print, screen or mask, or an injected stream "
        "(default: no check)",
    )
    parser.add_argument(
        "--min-liveness",
        type=float,
        metavar="SCORE",
        help="threshold of --liveness, 0 to 1 (default: the pack's)",
    )
    parser.add_argument(
        "--allow-several-faces",
        action="store_true",
        help="compare the chosen face even if another of similar size could be the intended one",
    )
    parser.add_argument(
        "--allow-same-picture",
        action="store_true",
        help="allow a match of a live picture that is the document's own portrait",
    )


def add_roles(parser: argparse.ArgumentParser) -> None:
    """Add ``--roles``: the kinds of the two pictures."""
    parser.add_argument(
        "--roles",
        default="document,live",
        metavar="REFERENCE,PROBE",
        help="kind of each picture: document, live or photo (default: document,live; photo,photo "
        "compares two photographs, with bystanders allowed)",
    )


def load_verifier(arguments: argparse.Namespace) -> Verifier:
    """Load the verifier that the options ask for, under their policy.

    Raises
    ------
    InvalidInput
        If the value of an option is not valid.
    PackError
        If a pack cannot be used.
    """
    roles = tuple(role.strip() for role in getattr(arguments, "roles", "document,live").split(","))
    if len(roles) != 2:
        raise InvalidInput(
            f"--roles takes two roles, not {','.join(roles)!r}", remedy="e.g. document,live"
        )

    def more() -> dict[str, Any]:
        from renzheng.verification.policy import Policy

        document: Mapping[str, int] = {}
        live: Mapping[str, int] = {}
        if arguments.min_quality:  # rarely given, and it imports OpenCV
            from renzheng.faces import quality

            document, live = quality.read_demands(arguments.min_quality)
        policy = Policy(
            max_fmr=arguments.max_fmr,
            inconclusive=arguments.inconclusive,
            min_document_quality=document,
            min_live_quality=live,
            allow_several_faces=arguments.allow_several_faces,
            allow_same_picture=arguments.allow_same_picture,
            min_liveness=arguments.min_liveness,
        )
        return {"policy": policy, "roles": roles, "liveness": arguments.liveness}

    return verifiers.load(arguments, more)
