"""``detect``, ``align`` and ``embed``: the pipeline's steps, each by itself."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, engines, options, verifiers
from renzheng.apps.cli.batch import add_running, begin, interrupted
from renzheng.errors import InvalidInput, NoFace, UnreadableImage

if TYPE_CHECKING:
    from renzheng.types import Floats

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_EMBED = """\
Write one embedding a picture. .npy holds float32 (n, d) in the order given, a row of NaN for a
picture without a face. .csv holds the path and d numbers a row; pictures without a face are left
out. .parquet (needs renzheng[batch]) holds path, embedding, error, box, landmarks, score and the
digest of every picture. What failed is reported.

Of folders, the pictures in them and in the folders within are taken. Work on folders, and for
.parquet, is kept beside the output while it goes on (OUTPUT.unfinished, readable by you only) and
is continued with --resume; the pictures are those that were there when it began.
"""
_MOST_FAILED = 20  # on a terminal
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
        description=_EMBED,
        epilog=_FAILURES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    embed.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="or folders, for .parquet and .csv"
    )
    embed.add_argument(
        "-o",
        "--out",
        type=engines.place,
        required=True,
        metavar="FILE",
        help=".npy, .csv or .parquet",
    )
    add_running(embed)
    options.add_pack(embed)
    options.add_detection(embed)
    options.add_json(embed)
    embed.set_defaults(run=_embed)


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
    from PIL import Image as Pillow

    from renzheng._support import files

    if arguments.out.suffix.lower() != ".png":
        raise InvalidInput("the crop is written as .png", source=str(arguments.out))
    options.check_output(arguments.out, [arguments.picture])
    try:
        crop = verifiers.load(arguments).align(arguments.picture)
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

    from renzheng._support import files

    asked = arguments.resume or arguments.restart or arguments.workers is not None
    if (
        asked
        or arguments.json
        or arguments.engine != "local"
        or Path(arguments.out).suffix.lower() == ".parquet"
        or any(Path(picture).is_dir() for picture in arguments.pictures)
    ):
        engine = engines.chosen(arguments, [*arguments.pictures, arguments.out])
        with engines.output(arguments):
            return _embed_many(arguments, engine)
    suffix = arguments.out.suffix.lower()
    if suffix not in (".npy", ".csv"):
        raise InvalidInput(
            f"embeddings are written as .npy or .csv, not {suffix!r}", source=str(arguments.out)
        )
    options.check_output(arguments.out, arguments.pictures)
    verifier = verifiers.load(arguments)
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


def _embed_many(arguments: argparse.Namespace, engine: engines.Engine) -> int:
    """Folders, or what Parquet holds: in several processes, and so that it can be continued."""
    from renzheng.apps import batch
    from renzheng.apps.batch import embedding, outputs, store
    from renzheng.apps.cli import terminal

    if arguments.threads is not None:
        raise InvalidInput(
            "--threads is for pictures that are named one by one", remedy="use --workers"
        )
    start, processes = begin(arguments), options.workers(arguments)
    outputs.check(arguments.out, embedding.KINDS)
    for path in (arguments.out, store.place(arguments.out)):
        options.check_output(path, arguments.pictures)
    arguments.threads = 1
    verifier = verifiers.load(arguments)
    try:
        with terminal.progress() as tell:
            found = batch.embed_pictures(
                [engines.place(picture) for picture in arguments.pictures],
                arguments.out,
                verifier,
                workers=processes,
                begin=start,
                tell=tell,
                engine=engine.each,
                find=engine.find,
            )
    except KeyboardInterrupt:
        interrupted(arguments.out)
        raise
    if arguments.json:
        options.print_json({"command": terminal.command_line(), **found.to_dict()})
    else:
        for path, reason in (*found.unread, *found.failed)[:_MOST_FAILED]:
            print(f"renzheng: {path}: {reason}", file=sys.stderr)
        more = len(found.unread) + len(found.failed) - _MOST_FAILED
        if more > 0:
            print(f"renzheng: ... and {more:,} more: --json shows them", file=sys.stderr)
        done = found.pictures - len(found.failed)
        print(f"{arguments.out}: {done:,} of {found.pictures:,} pictures embedded")
    return _NOT_COMPARABLE if found.failed or found.unread else 0


def _with_progress(pictures: list[str]) -> Any:
    if len(pictures) < 10 or not sys.stderr.isatty():
        return pictures
    from rich.console import Console
    from rich.progress import track

    return track(pictures, description="embedding", console=Console(stderr=True))
