"""``evaluate`` and ``calibrate``: what a pack does on a user's own pictures."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import identification, liveness, options, portraits, studies, terminal

if TYPE_CHECKING:
    from renzheng.datasets.types import Pairs, People
    from renzheng.evaluation.comparisons.evaluator import Evaluator
    from renzheng.evaluation.comparisons.study import Study

_EVALUATE = """\
Measure a pack: error rates in the terms of ISO/IEC 19795-1, with 95 % intervals from drawing people
again and again, and how far down the data can speak at all.

Every picture is embedded once and its embedding kept (see --cache), so an interrupted run goes on
where it stopped and a second question is answered in seconds.
"""
_PAIRS = """\
The table is CSV (comma, semicolon or tab) in UTF-8 with a header:

  reference,probe,label,camera
  ids/anna.jpg,live/anna.jpg,1,desk
  ids/anna.jpg,live/ben.jpg,0,desk

label is 1 for one person, 0 for different people. Instead of it, or with it: reference_person and
probe_person say who it is. A column `fold` makes the folds of an accuracy as LFW's. Every other
column is a group: its values get error rates of their own. Paths start at the table's folder.
"""
_PEOPLE = """\
PEOPLE is a folder with one folder for each person, or a CSV table with the columns `picture` and
`person`; every other column of the table is a group.
"""
_ROOT = "where a table's relative paths start"
_CALIBRATE = """\
Fit what a distance means, as false match rate and as likelihood ratio, on pairs of your own, and
write a pack that `renzheng verify --pack FOLDER` uses. Half of the people are held out: on them the
promised rates are held against the observed ones.

Below the rate at which 30 different pairs of people match falsely nothing is promised (rule of 30).
For low rates you need many different people: --people compares everyone with everyone, and with
--pairs --cross every reference meets every probe: 500 people with one document and one live picture
each give 249,500 impostor comparisons.

A rate holds for people like those whom it was measured on. --population names further people, each
compared with everyone else of that population; the promised rate is then at every distance the
highest of all these populations, and every rate that is shown says whom it was measured on. The
rates of --stated are shown as well, but the promise is not held to them. Both take

  NAME=FOLDER  a folder with one folder for each person, or with pictures alone: then every picture
               is taken to show another person
  NAME=TABLE   a CSV table with the columns `picture` and `person`, or `picture` alone, likewise

and can be given again and again. A small population's curve is extrapolated below the rate at which
30 different pairs of its people match falsely, and said to be.
"""


def register(commands: Any) -> None:
    """Add the commands of this module."""
    evaluate = commands.add_parser(
        "evaluate",
        help="error rates of a pack on LFW or on your own pictures, of liveness too",
        description=_EVALUATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    protocols = evaluate.add_subparsers(title="protocols", metavar="PROTOCOL", required=True)

    lfw = _protocol(protocols, "lfw", "Labeled Faces in the Wild: pairs of View 1 or 2, or all")
    lfw.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="holds pairs.txt and pictures"
    )
    lfw.add_argument(
        "--view",
        choices=["1", "2", "all"],
        default="2",
        help="2: 10 folds, to report; 1: to develop; all: everyone against everyone (default: 2)",
    )
    lfw.set_defaults(run=_evaluate, study=_lfw)

    pairs = _protocol(protocols, "pairs", "a table of your own pairs", _PAIRS)
    pairs.add_argument("table", type=Path, metavar="PAIRS.csv")
    pairs.add_argument("--root", type=Path, metavar="FOLDER", help="where relative paths start")
    pairs.set_defaults(run=_evaluate, study=_pairs)

    binary = _protocol(
        protocols,
        "bin",
        "a set in InsightFace's form: lfw.bin, cfp_fp.bin, agedb_30.bin ...",
        "The file is a pickle; it is read without executing anything in it. Its pictures are crops "
        "aligned to arcface-112 unless --aligned says otherwise.",
    )
    binary.add_argument("set", type=Path, metavar="SET.bin")
    binary.set_defaults(run=_evaluate, study=_bin, aligned="arcface-112")

    people = _protocol(protocols, "people", "everyone against everyone", _PEOPLE)
    people.add_argument("people", type=Path, metavar="PEOPLE")
    people.add_argument("--root", type=Path, metavar="FOLDER", help=_ROOT)
    people.add_argument(
        "--enrol",
        type=int,
        metavar="K",
        help="average the first K pictures of each person into a template, compare the others",
    )
    _add_most(people)
    people.set_defaults(run=_evaluate, study=_people)

    documents = _protocol(
        protocols,
        "documents",
        "documents made from pictures, against live pictures",
        _PEOPLE + "\nThe first picture of everyone who has two becomes a document: a portrait that "
        "goes through\na channel (chip, print and scan, glare ...), or a whole specimen card, "
        "scanned or photographed\n(card-...), whose portrait is searched for. It is compared with "
        "all the other pictures.\n",
        channel=False,
    )
    documents.add_argument("people", type=Path, metavar="PEOPLE")
    documents.add_argument(
        "--root", type=Path, metavar="FOLDER", help="where a table's paths start"
    )
    documents.add_argument(
        "--channels",
        metavar="NAME,...",
        help="which channels (default: all; `renzheng evaluate channels` lists them)",
    )
    documents.add_argument(
        "--persons",
        type=int,
        metavar="N",
        help="take N people drawn by chance who have two pictures",
    )
    _add_most(documents)
    documents.set_defaults(run=_documents, channel=None)

    search = _protocol(
        protocols,
        "identification",
        "one-to-many search: is the right person found, and nobody where nobody should be",
        identification.DESCRIPTION,
        channel=False,
        comparisons=False,
    )
    identification.add_options(search)
    _add_most(search)

    liveness.register(protocols)
    portraits.register(protocols)

    channels = protocols.add_parser("channels", help="list the document channels")
    options.add_json(channels)
    channels.set_defaults(run=_channels)

    calibrate = commands.add_parser(
        "calibrate",
        help="fit a pack's false match rates on your own pairs",
        description=_CALIBRATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = calibrate.add_mutually_exclusive_group(required=True)
    data.add_argument("--pairs", type=Path, metavar="PAIRS.csv", help="see evaluate pairs --help")
    data.add_argument("--people", type=Path, metavar="PEOPLE", help="see evaluate people --help")
    calibrate.add_argument(
        "--root", type=Path, metavar="FOLDER", help="where a table's paths start"
    )
    calibrate.add_argument(
        "--cross",
        action="store_true",
        help="with --pairs: compare every reference with every probe; people are told apart by the "
        "columns reference_person and probe_person, or else by the genuine pairs",
    )
    calibrate.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the calibrated pack goes; must not exist",
    )
    calibrate.add_argument(
        "--hold-out",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of the people to test on, who are not fitted on (default: 0.5; 0 for none)",
    )
    calibrate.add_argument(
        "--people-name",
        metavar="NAME",
        help="what the people of --pairs or --people are called where a rate is shown (default: "
        "the name of the folder or table)",
    )
    calibrate.add_argument(
        "--population",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="further people whom the promised rate is held to; can be given again",
    )
    calibrate.add_argument(
        "--stated",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="people whose rates are measured and shown, but not promised; can be given again",
    )
    _add_most(calibrate)
    _add_common(calibrate, channel=True)
    calibrate.set_defaults(run=_calibrate)


def _protocol(
    protocols: Any,
    name: str,
    summary: str,
    more: str = "",
    *,
    channel: bool = True,
    comparisons: bool = True,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = protocols.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser, channel=channel, comparisons=comparisons)
    return parser


def _add_common(
    parser: argparse.ArgumentParser, *, channel: bool, comparisons: bool = True
) -> None:
    options.add_pack(parser)
    parser.add_argument(
        "--min-face-size",
        type=int,
        default=40,
        metavar="PX",
        help="ignore faces smaller than this (default: %(default)s); larger is faster",
    )
    options.add_backend(parser)
    parser.add_argument(
        "--aligned",
        metavar="TEMPLATE",
        help="the pictures are crops aligned to this template (arcface-112 ...): detect nothing; "
        "`no` to detect",
    )
    if channel:
        parser.add_argument(
            "--channel",
            metavar="NAME",
            help="put every reference through this document channel first",
        )
    parser.add_argument(
        "--seed", type=int, default=0, help="of channels, draws and splits (default: 0)"
    )
    parser.add_argument(
        "--draws",
        type=int,
        default=400,
        metavar="N",
        help="bootstrap replicates behind the intervals (default: 400)",
    )
    if comparisons:
        parser.add_argument(
            "--max-fmr",
            type=float,
            default=1e-4,
            metavar="RATE",
            help="the policy at which groups and channels are compared (default: 1e-4)",
        )
    studies.add_embedding(parser)
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page, and FILE.json beside it"
    )
    if comparisons:
        parser.add_argument(
            "--show-faces",
            action="store_true",
            help="show the worst comparisons as pictures in the report: it then holds faces",
        )
    options.add_json(parser)


def _add_most(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="take at most N pictures of each person, the first ones",
    )


def _lfw(evaluator: Evaluator, arguments: argparse.Namespace) -> Study:
    from renzheng.datasets import lfw, people

    if arguments.view == "all":
        return _all(evaluator, people.read(lfw.images(arguments.data)), arguments)
    return evaluator.pairs(lfw.read(arguments.data, int(arguments.view)))


def _pairs(evaluator: Evaluator, arguments: argparse.Namespace) -> Study:
    from renzheng.datasets import table

    return evaluator.pairs(table.read_pairs(arguments.table, arguments.root))


def _bin(evaluator: Evaluator, arguments: argparse.Namespace) -> Study:
    from renzheng.datasets import insightface

    return evaluator.pairs(insightface.read(arguments.set))


def _people(evaluator: Evaluator, arguments: argparse.Namespace) -> Study:
    return _all(evaluator, studies.read_people(arguments), arguments)


def _all(evaluator: Evaluator, people: People, arguments: argparse.Namespace) -> Study:
    return evaluator.people(people, getattr(arguments, "enrol", None))


def _evaluate(arguments: argparse.Namespace) -> int:
    with studies.evaluator(arguments) as evaluator:
        study = arguments.study(evaluator, arguments)
    studies.show({study.name: study}, arguments)
    return 0


def _documents(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import made

    asked = made.names() if arguments.channels is None else arguments.channels.split(",")
    names = list(dict.fromkeys(asked))
    for name in names:
        made.check(name)
    with studies.evaluator(arguments) as evaluator:
        people = studies.read_people(arguments)
        if arguments.persons is not None:
            from renzheng.evaluation.sampling import draw_people

            people = people.select(
                draw_people(people.person, arguments.persons, seed=arguments.seed)
            )
        by_channel = dict(evaluator.documents(people, names))
    studies.show(by_channel, arguments)
    return 0


def _channels(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import made

    if arguments.json:
        options.print_json(made.names())
    else:
        for name, description in made.names().items():
            print(f"{name:<22}{description}")
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from renzheng.evaluation.comparisons import populations, recalibration
    from renzheng.verification.populations import of_calibration

    recalibration.check(arguments.output, arguments.hold_out)
    further = populations.read(
        [
            *((text, True) for text in arguments.population),
            *((text, False) for text in arguments.stated),
        ],
        [] if arguments.people_name is None else [arguments.people_name],
    )
    populations.check_sizes(further, arguments.hold_out, arguments.seed)
    with studies.evaluator(arguments) as evaluator:
        data: Pairs | People
        if arguments.pairs is not None:
            from renzheng.datasets import table

            data = table.read_pairs(arguments.pairs, arguments.root)
        else:
            data = studies.read_people(arguments)
        done = recalibration.recalibrate(
            evaluator,
            data,
            arguments.output,
            cross=arguments.cross,
            hold_out=arguments.hold_out,
            name=arguments.people_name,
            populations=further,
            command=terminal.command_line(),
        )
    if done.held_out is not None:
        studies.show(
            {done.held_out.name: done.held_out}, arguments, done.reliability, done.populations
        )
    if not arguments.json:
        print(
            f"\n{done.pack.name} {done.pack.version} speaks down to FMR "
            f"{done.calibration.resolution:.2g}; use it: renzheng verify --pack "
            f"{shlex.quote(str(arguments.output))} ID_PHOTO LIVE_PHOTO"
        )
        print(f"measured on {of_calibration(done.calibration)}")
        if done.held_out is None:
            print("Nobody was held out: what it promises has not been tested.")
    elif done.held_out is None:
        options.print_json({"calibration": done.calibration.to_dict()})
    return 0
