"""``embed``: write the embeddings of faces."""

from __future__ import annotations

import argparse
import io
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, engines, options, resumption, terminal, verifiers
from renzheng.errors import InvalidInput, NoFace, UnreadableImage

if TYPE_CHECKING:
    from renzheng.types import Floats

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_MAX_FAILED = 20  # on a terminal
_EMBED = """\
Write one embedding per picture. .npy holds float32 (n, d) in the order given, with a row of NaN for
a picture without a face. .csv holds the path and d numbers per row; pictures without a face are
left out. .parquet (needs renzheng[batch]) holds path, embedding, error, box, landmarks, score,
digest and strength (how much of a face the embedding holds) of every picture. Pictures that fail
are reported.

A folder stands for all pictures in it and its subfolders. While work on folders, or for .parquet,
goes on, it is kept beside the output (OUTPUT.unfinished, readable by you only), and --resume
continues it; the pictures are those that were there when it began.
"""
_FAILURES = (
    "exit codes: 0 all pictures done, 2 usage, 4 at least one picture failed, 5 the command failed"
)


def register(commands: Any) -> None:
    """Add the command of this module."""
    embed = options.add_command(commands, "embed", "turn faces into embeddings", _EMBED, _FAILURES)
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
    resumption.add(embed)
    options.add_pack(embed)
    options.add_detection(embed)
    options.add_json(embed)
    embed.set_defaults(run=_embed)


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
        engine = engines.choose(arguments, [*arguments.pictures, arguments.out])
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
            # nine digits restore a float32 bit for bit
            writer.writerow([arguments.pictures[index], *(f"{v:.9g}" for v in embedding)])
        files.write(arguments.out, text.getvalue().encode("utf-8", "surrogateescape"))
    print(f"{arguments.out}: {len(found)} of {len(arguments.pictures)} pictures embedded")
    return 0 if len(found) == len(arguments.pictures) else _NOT_COMPARABLE


def _embed_many(arguments: argparse.Namespace, engine: engines.Engine) -> int:
    """Embed pictures in several processes, in a run that can be resumed."""
    from renzheng.apps import batch
    from renzheng.apps.batch import embedding, outputs, store

    if arguments.threads is not None:
        raise InvalidInput("--threads is for pictures named one by one", remedy="use --workers")
    start, processes = resumption.begin(arguments), options.workers(arguments)
    outputs.check(arguments.out, embedding.KINDS)
    for path in (arguments.out, store.place(arguments.out)):
        options.check_output(path, arguments.pictures)
    arguments.threads = 1
    verifier = verifiers.load(arguments)
    message = partial(resumption.how_to_continue, arguments.out)
    with terminal.explain_interrupt(message), terminal.progress() as tell:
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
    if arguments.json:
        options.print_json({"command": terminal.command_line(), **found.to_dict()})
    else:
        for path, reason in (*found.unread, *found.failed)[:_MAX_FAILED]:
            print(f"renzheng: {path}: {reason}", file=sys.stderr)
        more = len(found.unread) + len(found.failed) - _MAX_FAILED
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
