"""``specimen``: specimen documents to test a system with."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from renzheng.apps.cli import EXIT_CODES, options, png, verifiers
from renzheng.errors import InvalidInput, NoFace, UnreadableImage

_DESCRIPTION = """\
Print the face of a picture on a specimen document of no real country, and take a picture of that.

The corners of card, portrait and ghost portrait are known exactly (--json), as ground truth to test
document and portrait detection against. Equal arguments give equal pictures.
"""
_EXIT_CODES = """\
exit codes: 0 done, 2 usage, 4 the picture cannot be read or shows no face, 5 the file cannot be
written
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    specimen = options.add_command(
        commands,
        "specimen",
        "draw a specimen document, as scanned, photographed or copied",
        _DESCRIPTION,
        _EXIT_CODES,
    )
    specimen.add_argument("picture", nargs="?", metavar="FACE_PICTURE", help="face to print")
    png.add_out(specimen, "specimen", required=False)
    specimen.add_argument("--layout", metavar="NAME", help="kind of document (default: by --seed)")
    specimen.add_argument(
        "--capture",
        default="none",
        metavar="NAME",
        help="how the picture of it is taken (default: none, the drawn card itself)",
    )
    specimen.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of colours, holder, ghost and all degradations (default: 0)",
    )
    specimen.add_argument(
        "--dpi",
        type=float,
        default=300.0,
        metavar="N",
        help="resolution of the drawn card (default: 300)",
    )
    specimen.add_argument(
        "--turn",
        type=int,
        choices=(0, 90, 180, 270),
        default=0,
        help="turn the finished picture clockwise",
    )
    specimen.add_argument(
        "--list", action="store_true", help="list the layouts and captures, and do nothing else"
    )
    options.add_detection(specimen)
    options.add_json(specimen)
    specimen.set_defaults(run=_specimen)


def _specimen(arguments: argparse.Namespace) -> int:
    if arguments.list:
        if arguments.picture is not None or arguments.out is not None:
            raise InvalidInput("--list takes no FACE_PICTURE and no -o")
        return _list(arguments)
    if arguments.picture is None or arguments.out is None:
        raise InvalidInput("FACE_PICTURE or -o is missing", remedy="give both, or --list")
    png.check_name(arguments.out, "specimen")
    options.check_output(arguments.out, [arguments.picture])

    from renzheng import images
    from renzheng.datasets import specimens
    from renzheng.faces.selection import choose_face

    capture = specimens.get(arguments.capture)
    try:
        image = images.read(arguments.picture)
        faces = verifiers.load(arguments).detect(image)
        face = choose_face(faces, (image.shape[1], image.shape[0]))
    except UnreadableImage as error:
        print(f"renzheng: {error}", file=sys.stderr)
        return EXIT_CODES["not_comparable"]
    except NoFace:
        print(f"renzheng: {arguments.picture}: no face was found", file=sys.stderr)
        return EXIT_CODES["not_comparable"]
    card = specimens.make(
        image, face, layout=arguments.layout, seed=arguments.seed, dpi=arguments.dpi
    )
    taken = specimens.turned(capture.apply(card, arguments.seed), arguments.turn // 90)
    png.write(arguments.out, taken.image)
    if arguments.json:
        options.print_json(
            {
                "out": str(arguments.out),
                "source": arguments.picture,
                "capture": capture.name,
                "seed": arguments.seed,
                "turn": arguments.turn,
                "face": face.to_dict(),
                "other_faces": len(faces) - 1,
                **taken.to_dict(),
            }
        )
    else:
        height, width = taken.image.shape[:2]
        print(
            f"{arguments.out}: {taken.layout}, {capture.name}, {width} x {height} px, "
            f"{taken.dpi:.0f} dpi"
        )
        if len(faces) > 1:
            x1, y1, x2, y2 = (round(float(v)) for v in face.box)
            print(
                f"  chosen from {len(faces)} faces: ({x1}, {y1}) to ({x2}, {y2}), large and near "
                f"the middle; {len(faces) - 1} other(s) left out"
            )
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import specimens

    rows = {
        "layouts": {name: each.description for name, each in specimens.LAYOUTS.items()},
        "captures": {name: each.description for name, each in specimens.CAPTURES.items()},
    }
    if arguments.json:
        options.print_json(rows)
        return 0
    for title, entries in rows.items():
        print(f"{title}:")
        for name, description in entries.items():
            print(f"  {name:<16}{description}")
    return 0
