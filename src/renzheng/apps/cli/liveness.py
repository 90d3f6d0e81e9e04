"""``evaluate liveness``: what a liveness pack does on a user's own live faces and attacks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options, studies

_LIVENESS = """\
Measure presentation attack detection in the terms of ISO/IEC 30107-3, with exact 95 % intervals.

The table is CSV (comma, semicolon or tab) in UTF-8 with a header:

  picture,type,camera
  live/anna.jpg,bona_fide,desk
  attacks/anna-print.jpg,print,desk
  attacks/anna-phone.jpg,screen,desk

type is bona_fide for a live face; anything else names the kind of attack (print, screen, mask ...).
Every other column is a group: its values get error rates of their own. Paths start at the table's
folder. Give pictures as your camera takes them, whole and unedited.

What one picture cannot show: a good print, a good screen or a mask can pass as live, a stream that
is injected past the camera is never presented to it, and what is measured here holds for these
cameras and these attacks and for no others.
"""


def register(protocols: Any) -> None:
    """Add the protocol to those of ``evaluate``."""
    parser = protocols.add_parser(
        "liveness",
        help="live faces and attacks: does presentation attack detection tell them apart?",
        description=_LIVENESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="where relative paths start")
    parser.add_argument(
        "--pack",
        "--liveness",
        dest="pack",
        default="minifasnet",
        metavar="PACK",
        help="liveness pack: a name (`renzheng packs list`) or a folder (default: minifasnet)",
    )
    options.add_detection(parser)
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page, and FILE.json beside it"
    )
    options.add_json(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports import evaluation
    from renzheng.apps.reports.evaluation import attacks
    from renzheng.datasets import table
    from renzheng.evaluation.attacks import trial
    from renzheng.faces.liveness import Liveness
    from renzheng.models import packs

    options.check_threads(arguments)
    if arguments.report is not None:
        evaluation.check_name(arguments.report)
        studies.check_report(arguments)
    presentations = table.read_presentations(arguments.table, arguments.root)
    liveness = Liveness.from_pack(arguments.pack, arguments.threads, backend=arguments.backend)
    with studies.progress() as tell:
        study = trial.study(
            presentations,
            liveness,
            packs.load(packs.DEFAULT_DETECTOR),
            min_face_size=arguments.min_face_size,
            threads=arguments.threads,
            backend=arguments.backend,
            progress=lambda done, whole: tell("looking", done, whole),
        )
    command = studies.command()
    if arguments.report is not None:
        attacks.save(study, arguments.report, command=command)
    if arguments.json:
        options.print_json(attacks.to_dict(study, command=command))
        return 0
    for found in attacks.of_study(study, most_problems=10):
        studies.print_table(found)
    for limit in study.provenance["limits"]:
        print(f"limit: {limit}")
    if arguments.report is not None:
        print(f"report: {arguments.report}, {arguments.report.with_suffix('.json')}")
    return 0
