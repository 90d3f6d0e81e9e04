"""``portrait``: the main portrait of a document, cut out."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from renzheng.apps.cli import EXIT_CODES, options, verifiers
from renzheng.errors import InvalidInput

_PORTRAIT = """\
Find the main portrait of an identity document and cut it out, upright, 35 to 45.

The picture may be a scan or a photograph of the whole document, turned or tilted, or a portrait cut
tightly, down to a chip's 102 x 126 px. A document's second, weaker portrait (ghost) is recognised
and left out.
"""
_EXIT_CODES = """\
exit codes: 0 written, 2 usage, 4 no portrait (unreadable picture, no face, or several people's
portraits), 5 the command itself failed
"""


def register(commands: Any) -> None:
    """Add the commands of this module."""
    portrait = commands.add_parser(
        "portrait",
        help="cut the main portrait out of a document",
        description=_PORTRAIT,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    portrait.add_argument("card", metavar="CARD", help="picture of a document")
    portrait.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="where it goes (.png)"
    )
    portrait.add_argument(
        "--height",
        type=int,
        metavar="PX",
        help="of the portrait (default: as fine as the picture shows it)",
    )
    portrait.add_argument(
        "--allow-several-faces",
        action="store_true",
        help="cut out the largest portrait even where another person's could be meant",
    )
    options.add_pack(portrait)
    options.add_detection(portrait)
    options.add_json(portrait)
    portrait.set_defaults(run=_portrait)


def _portrait(arguments: argparse.Namespace) -> int:
    from PIL import Image as Pillow

    from renzheng._support import files
    from renzheng.faces.documents import portrait
    from renzheng.types import Role, Severity
    from renzheng.verification import findings
    from renzheng.verification.policy import Policy

    if arguments.out.suffix.lower() != ".png":
        raise InvalidInput("the portrait is written as .png", source=str(arguments.out))
    options.check_output(arguments.out, [arguments.card])
    if arguments.height is not None:
        portrait.check_height(arguments.height)
    verifier = verifiers.load(arguments)
    capture = verifier.acquire(arguments.card, Role.DOCUMENT)
    policy = Policy(allow_several_faces=arguments.allow_several_faces)
    found = list(findings.of_capture("document", capture, policy))
    refusals = [each for each in found if each.severity is Severity.REFUSAL]
    written = None
    if not refusals:
        cut = portrait.cut(capture, arguments.height)
        buffer = io.BytesIO()
        Pillow.fromarray(cut).save(buffer, "PNG")
        files.write(arguments.out, buffer.getvalue())
        written = {"path": str(arguments.out), "size": [cut.shape[1], cut.shape[0]]}
    if arguments.json:
        options.print_json(
            {
                **capture.to_dict(),
                "portrait": written,
                "warnings": [each.to_dict() for each in found],
            }
        )
    else:
        for each in found:
            print(f"renzheng: {capture.source}: {each.message}", file=sys.stderr)
        if written is not None and capture.choice is not None:
            width, height = written["size"]
            print(f"{arguments.out}: {width} x {height} px; {capture.choice.reason}")
            for step in capture.rectification.steps:
                print(f"  {step}")
    return EXIT_CODES["not_comparable"] if refusals else 0
