"""``specimen``: documents of nobody, to test a system with."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from renzheng.apps.cli import EXIT_CODES, options, verifiers
from renzheng.errors import InvalidInput, NoFace, UnreadableImage

_DESCRIPTION = """\
Print the face of a picture on a specimen document of no real country, and take a picture of that.

The corners of card, portrait and ghost portrait are known through all of it (--json), so that what
finds documents and portraits can be tested against them. Equal arguments give equal pictures.
"""
_EXIT_CODES = """\
exit codes: 0 done, 2 usage, 4 the picture cannot be read or shows no face, 5 the file cannot be
written
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    specimen = commands.add_parser(
        "specimen",
        help="draw a specimen document, as scanned, photographed or copied",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    specimen.add_argument("picture", nargs="?", metavar="FACE_PICTURE", help="whose portrait")
    specimen.add_argument("-o", "--out", type=Path, metavar="FILE", help="where it goes (.png)")
    specimen.add_argument("--layout", metavar="NAME", help="kind of document (default: by --seed)")
    specimen.add_argument(
        "--capture",
        default="none",
        metavar="NAME",
        help="how it is taken (default: none, the drawn card)",
    )
    specimen.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of colours, holder, ghost and all accidents (default: 0)",
    )
    specimen.add_argument(
        "--dpi", type=float, default=300.0, metavar="N", help="of the drawn card (default: 300)"
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
            raise InvalidInput("--list does nothing else: it takes no FACE_PICTURE and no -o")
        return _list(arguments)
    if arguments.picture is None or arguments.out is None:
        raise InvalidInput("name a FACE_PICTURE and, with -o, where the specimen goes")
    if arguments.out.suffix.lower() != ".png":
        raise InvalidInput("the specimen is written as .png", source=str(arguments.out))
    options.check_output(arguments.out, [arguments.picture])

    from PIL import Image as Pillow

    from renzheng import images
    from renzheng._support import files
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
    buffer = io.BytesIO()
    Pillow.fromarray(taken.image).save(buffer, "PNG")
    files.write(arguments.out, buffer.getvalue())
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
                f"  of {len(faces)} faces the one at ({x1}, {y1}) to ({x2}, {y2}), large and near "
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
