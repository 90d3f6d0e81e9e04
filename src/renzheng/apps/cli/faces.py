"""``detect`` and ``align``: find faces, and cut out the aligned face."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from renzheng.apps.cli import EXIT_CODES, options, png, verifiers
from renzheng.errors import NoFace, UnreadableImage

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_FAILURES = (
    "exit codes: 0 all pictures done, 2 usage, 4 at least one picture failed, 5 the command failed"
)


def register(commands: Any) -> None:
    """Add the commands of this module."""
    _add_detect(commands)
    _add_align(commands)


def _add_detect(commands: Any) -> None:
    detect = options.add_command(
        commands,
        "detect",
        "find the faces in pictures",
        "Find all faces: box, five landmarks and score of each, the largest first.",
        _FAILURES,
    )
    detect.add_argument("pictures", nargs="+", metavar="PICTURE")
    options.add_detection(detect, min_face_size=20)  # MTCNN's own: here small faces count
    options.add_json(detect)
    detect.set_defaults(run=_detect)


def _add_align(commands: Any) -> None:
    align = options.add_command(
        commands,
        "align",
        "cut out the aligned face",
        "Write the aligned crop that the embedding network sees.",
        _FAILURES,
    )
    align.add_argument("picture", metavar="PICTURE")
    png.add_out(align, "crop")
    options.add_pack(align)
    options.add_detection(align)
    align.set_defaults(run=_align)


def _detect(arguments: argparse.Namespace) -> int:
    verifier = verifiers.load(arguments)
    code = 0
    results = []
    for picture in arguments.pictures:
        try:
            faces = verifier.detect(picture)
        except UnreadableImage as error:
            print(f"renzheng: {error}", file=sys.stderr)
            results.append({"source": picture, "faces": [], "error": str(error)})
            code = _NOT_COMPARABLE
            continue
        results.append(
            {"source": picture, "faces": [face.to_dict() for face in faces], "error": None}
        )
        if not arguments.json:
            print(f"{picture}: {len(faces)} face(s)")
            for face in faces:
                x1, y1, x2, y2 = (round(float(v)) for v in face.box)
                print(
                    f"  ({x1}, {y1}) to ({x2}, {y2})  score {face.score:.4f}  "
                    f"{face.inter_eye_distance:.0f} px between the eyes"
                )
    if arguments.json:
        options.print_json(results)
    return code


def _align(arguments: argparse.Namespace) -> int:
    png.check_name(arguments.out, "crop")
    options.check_output(arguments.out, [arguments.picture])
    try:
        crop = verifiers.load(arguments).align(arguments.picture)
    except (UnreadableImage, NoFace) as error:
        print(f"renzheng: {error}", file=sys.stderr)
        return _NOT_COMPARABLE
    png.write(arguments.out, crop)
    print(f"{arguments.out}: {crop.shape[1]} x {crop.shape[0]} px")
    return 0
