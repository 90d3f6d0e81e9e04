"""``quality``: measure whether a picture is fit for comparison, and suggest remedies."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options, verifiers

if TYPE_CHECKING:
    from renzheng.faces.quality import Role
    from renzheng.types import Measurement

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_QUALITY = """\
Measure the quality of the chosen face of each picture: native value and component (0 to 100, higher
is better) by the names of ISO/IEC 29794-5, and a remedy for the component that falls farthest below
the minimum of its role.
"""
_EXIT_CODES = """\
exit codes: 0 all pictures measured, whatever their quality, 2 usage, 4 at least one picture
unreadable or without a face, 5 the command failed
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    quality = options.add_command(
        commands,
        "quality",
        "measure whether pictures are fit for comparison",
        _QUALITY,
        _EXIT_CODES,
    )
    quality.add_argument("pictures", nargs="+", metavar="PICTURE")
    quality.add_argument(
        "--role",
        choices=("live", "document"),
        default="live",
        help="role whose minima and remedies apply: live capture or document (default: live)",
    )
    options.add_pack(quality)
    options.add_detection(quality)
    options.add_json(quality)
    quality.set_defaults(run=_quality)


def _quality(arguments: argparse.Namespace) -> int:
    verifier = verifiers.load(arguments)
    code = 0
    results = []
    for picture in arguments.pictures:
        capture = verifier.acquire(picture, arguments.role)
        if capture.error is not None:
            print(f"renzheng: {picture}: {capture.error}", file=sys.stderr)
            results.append({"source": picture, "quality": None, "error": capture.error})
            code = _NOT_COMPARABLE
            continue
        measured = capture.quality
        remedies = _remedies(measured, arguments.role)
        if arguments.json:
            numbers = {name: found.to_dict() for name, found in measured.items()}
            results.append(
                {"source": picture, "quality": numbers, "remedies": remedies, "error": None}
            )
        else:
            print("\n".join(_table(picture, measured, remedies, arguments.role)))
    if arguments.json:
        options.print_json(results)
    return code


def _remedies(measured: Mapping[str, Measurement], role: Role) -> dict[str, str]:
    """Return a remedy for each component below its minimum, the worst first."""
    from renzheng.faces import quality

    return {
        name: quality.MEASURES[name].remedy(role) for name in quality.shortfalls(measured, role)
    }


def _table(
    picture: str, measured: Mapping[str, Measurement], remedies: Mapping[str, str], role: Role
) -> list[str]:
    from renzheng.faces import quality

    what = "document" if role == "document" else "live capture"
    lines = [f"{picture}:", f"  {'measure':<34}{'value':>10}       component  minimum"]
    for name, found in measured.items():
        minimum = quality.MINIMA[role].get(name)
        unit = quality.MEASURES[name].unit
        lines.append(
            f"  {name:<34}{found.value:>10.3f} {unit:<5}{found.component:>10}"
            f"  {'' if minimum is None else minimum:>7}{' !' if name in remedies else ''}".rstrip()
        )
    if remedies:
        worst, remedy = next(iter(remedies.items()))
        lines.append(f"  weakest: {quality.MEASURES[worst].title.lower()} ({worst}): {remedy}")
    else:
        lines.append(f"  every component reaches the minimum of a {what}")
    return lines
