"""``detect``, ``align`` and ``embed``: the pipeline's steps, each by itself."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.cli import EXIT_CODES, options
from renzheng.errors import InvalidInput, NoFace, UnreadableImage

if TYPE_CHECKING:
    from renzheng.types import Floats

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_FAILURES = (
    "exit codes: 0 all pictures done, 2 usage, 4 at least one picture failed, 5 the command failed"
)


def register(commands: Any) -> None:
    """Add the commands of this module."""
    detect = commands.add_parser(
        "detect",
        help="find the faces in pictures",
        description="Find all faces: box, five landmarks and score of each, the largest first.",
        epilog=_FAILURES,
    )
    detect.add_argument("pictures", nargs="+", metavar="PICTURE")
    options.add_detection(detect, min_face_size=20)  # MTCNN's own: here small faces count
    options.add_json(detect)
    detect.set_defaults(run=_detect)

    align = commands.add_parser(
        "align",
        help="cut out the aligned face",
        description="Write the aligned crop that the embedding network sees.",
        epilog=_FAILURES,
    )
    align.add_argument("picture", metavar="PICTURE")
    align.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="where the crop goes (.png)"
    )
    options.add_pack(align)
    options.add_detection(align)
    align.set_defaults(run=_align)

    embed = commands.add_parser(
        "embed",
        help="turn faces into embeddings",
        description="Write one embedding a picture: .npy holds float32 (n, d) in the order given; "
        ".csv holds the path and d numbers a row. A picture without a face is a row of NaN "
        "in .npy and is left out of .csv; both are reported.",
        epilog=_FAILURES,
    )
    embed.add_argument("pictures", nargs="+", metavar="PICTURE")
    embed.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help=".npy or .csv")
    options.add_pack(embed)
    options.add_detection(embed)
    embed.set_defaults(run=_embed)


def _detect(arguments: argparse.Namespace) -> int:
    verifier = options.verifier(arguments)
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
    from PIL import Image as Pillow

    from renzheng import files

    if arguments.out.suffix.lower() != ".png":
        raise InvalidInput("the crop is written as .png", source=str(arguments.out))
    options.check_output(arguments.out, [arguments.picture])
    try:
        crop = options.verifier(arguments).align(arguments.picture)
    except (UnreadableImage, NoFace) as error:
        print(f"renzheng: {error}", file=sys.stderr)
        return _NOT_COMPARABLE
    buffer = io.BytesIO()
    Pillow.fromarray(crop).save(buffer, "PNG")
    files.write(arguments.out, buffer.getvalue())
    print(f"{arguments.out}: {crop.shape[1]} x {crop.shape[0]} px")
    return 0


def _embed(arguments: argparse.Namespace) -> int:
    import csv

    import numpy as np

    from renzheng import files

    suffix = arguments.out.suffix.lower()
    if suffix not in (".npy", ".csv"):
        raise InvalidInput(
            f"embeddings are written as .npy or .csv, not {suffix!r}", source=str(arguments.out)
        )
    options.check_output(arguments.out, arguments.pictures)
    verifier = options.verifier(arguments)
    found: dict[int, Floats] = {}
    for index, picture in enumerate(_with_progress(arguments.pictures)):
        try:
            found[index] = verifier.embed(picture)
        except (UnreadableImage, NoFace) as error:
            print(f"renzheng: {error}", file=sys.stderr)
    if suffix == ".npy":
        dimension = verifier.pack.setting("embedding", "dimension")
        rows = np.full((len(arguments.pictures), dimension), np.nan, np.float32)
        for index, embedding in found.items():
            rows[index] = embedding
        buffer = io.BytesIO()
        np.save(buffer, rows, allow_pickle=False)
        files.write(arguments.out, buffer.getvalue())
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        for index, embedding in found.items():
            # nine digits bring a float32 back bit for bit
            writer.writerow([arguments.pictures[index], *(f"{v:.9g}" for v in embedding)])
        files.write(arguments.out, text.getvalue().encode("utf-8", "surrogateescape"))
    print(f"{arguments.out}: {len(found)} of {len(arguments.pictures)} pictures embedded")
    return 0 if len(found) == len(arguments.pictures) else _NOT_COMPARABLE


def _with_progress(pictures: list[str]) -> Any:
    if len(pictures) < 10 or not sys.stderr.isatty():
        return pictures
    from rich.console import Console
    from rich.progress import track

    return track(pictures, description="embedding", console=Console(stderr=True))
