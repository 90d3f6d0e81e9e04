"""``evaluate liveness``: error rates of a liveness pack on live faces and attacks of your own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options, studies, terminal

_LIVENESS = """\
Measure presentation attack detection in the terms of ISO/IEC 30107-3, with exact 95 % intervals.

The table is CSV (comma, semicolon or tab) in UTF-8 with a header:

  picture,type,camera
  live/anna.jpg,bona_fide,desk
  attacks/anna-print.jpg,print,desk
  attacks/anna-phone.jpg,screen,desk

type is bona_fide for a live face; any other value names the kind of attack (print, screen, mask
...). Every other column is a group: its values get error rates of their own. Relative paths start
at the table's folder. Use pictures as your camera takes them, whole and unedited.

Limits of a single picture: a good print, a good screen or a mask can pass as live, and a stream
that is injected past the camera is never presented to it. The rates measured here hold for these
cameras and these attacks and for no others.
"""


def register(protocols: Any) -> None:
    """Add this protocol to those of ``evaluate``."""
    parser = options.add_command(
        protocols,
        "liveness",
        "error rates of presentation attack detection on live faces and attacks",
        _LIVENESS,
    )
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    options.add_root(parser)
    parser.add_argument(
        "--pack",
        "--liveness",
        dest="pack",
        default="minifasnet",
        metavar="PACK",
        help="liveness pack: a name (`renzheng packs list`) or a folder (default: minifasnet)",
    )
    options.add_detection(parser)
    studies.add_report(parser)
    options.add_json(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports import pages
    from renzheng.apps.reports.evaluation import attacks
    from renzheng.datasets import table
    from renzheng.evaluation.attacks.study import evaluate_liveness
    from renzheng.faces.liveness import Liveness
    from renzheng.models import packs

    options.check_threads(arguments)
    if arguments.report is not None:
        pages.check(arguments.report)
        studies.check_report(arguments)
    presentations = table.read_presentations(arguments.table, arguments.root)
    liveness = Liveness.from_pack(arguments.pack, arguments.threads, backend=arguments.backend)
    with terminal.progress() as tell:
        study = evaluate_liveness(
            presentations,
            liveness,
            packs.of_kind("detector", arguments.detector),
            min_face_size=arguments.min_face_size,
            threads=arguments.threads,
            backend=arguments.backend,
            progress=lambda done, whole: tell("looking", done, whole),
        )
    studies.show_by(attacks, study, arguments)
    return 0
