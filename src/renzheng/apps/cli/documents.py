"""``portrait``: cut the main portrait out of a document."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from renzheng.apps.cli import EXIT_CODES, options, png, verifiers

_PORTRAIT = """\
Find the main portrait of an identity document and cut it out, upright, in the ratio 35 to 45.

The picture may be a scan or a photograph of the whole document, turned or tilted, or a tightly
cropped portrait, down to a chip's 102 x 126 px. A document's second, fainter portrait (ghost) is
recognised and ignored.
"""
_EXIT_CODES = """\
exit codes: 0 written, 2 usage, 4 no portrait (unreadable picture, no face, or several people's
portraits), 5 the command itself failed
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    portrait = options.add_command(
        commands, "portrait", "cut the main portrait out of a document", _PORTRAIT, _EXIT_CODES
    )
    portrait.add_argument("card", metavar="CARD", help="picture of a document")
    png.add_out(portrait, "portrait")
    portrait.add_argument(
        "--height",
        type=int,
        metavar="PX",
        help="height of the portrait (default: the resolution of the picture)",
    )
    portrait.add_argument(
        "--allow-several-faces",
        action="store_true",
        help="cut out the largest portrait even if another person's could be the intended one",
    )
    options.add_pack(portrait)
    options.add_detection(portrait)
    options.add_json(portrait)
    portrait.set_defaults(run=_portrait)


def _portrait(arguments: argparse.Namespace) -> int:
    from renzheng.faces.documents import portrait
    from renzheng.types import Role, Severity
    from renzheng.verification import findings
    from renzheng.verification.policy import Policy

    png.check_name(arguments.out, "portrait")
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
        png.write(arguments.out, cut)
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
