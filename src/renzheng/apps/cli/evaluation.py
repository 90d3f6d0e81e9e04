"""``evaluate``: error rates of a pack on public sets or on pictures of your own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import degraded, identification, liveness, options, portraits, studies

if TYPE_CHECKING:
    from renzheng.datasets.types import People
    from renzheng.evaluation.comparisons.evaluator import Evaluator
    from renzheng.evaluation.comparisons.study import Study

_EVALUATE = """\
Measure the error rates of a pack in the terms of ISO/IEC 19795-1, with 95 % intervals from a
bootstrap over people, and the lowest rates that the data support.

Every picture is embedded once and its embedding kept (see --cache), so an interrupted run continues
where it stopped and a second evaluation takes seconds.
"""
_PAIRS = """\
The table is CSV (comma, semicolon or tab) in UTF-8 with a header:

  reference,probe,label,camera
  ids/anna.jpg,live/anna.jpg,1,desk
  ids/anna.jpg,live/ben.jpg,0,desk

label is 1 for the same person, 0 for different people. Instead of it, or with it, the columns
reference_person and probe_person name the people. A column `fold` gives the folds of an accuracy as
in LFW. Every other column is a group: its values get error rates of their own. Relative paths start
at the table's folder.
"""
_PEOPLE = """\
PEOPLE is a folder with one folder for each person, or a CSV table with the columns `picture` and
`person`; every other column of the table is a group.
"""
_DOCUMENTS = """
The first picture of everyone who has two becomes a document: either a portrait that goes through
a channel (chip, print and scan, glare ...), or a whole specimen card, scanned or photographed
(card-...), whose portrait is searched for. It is compared with all other pictures.
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    evaluate = options.add_command(
        commands,
        "evaluate",
        "measure error rates on LFW or on your own pictures, of liveness too",
        _EVALUATE,
    )
    protocols = evaluate.add_subparsers(title="protocols", metavar="PROTOCOL", required=True)
    _add_lfw(protocols)
    _add_pairs(protocols)
    _add_bin(protocols)
    _add_people(protocols)
    _add_documents(protocols)
    _add_identification(protocols)
    liveness.register(protocols)
    portraits.register(protocols)
    degraded.register(protocols)
    _add_channels(protocols)


def _add_lfw(protocols: Any) -> None:
    lfw = _protocol(protocols, "lfw", "Labeled Faces in the Wild: pairs of View 1 or 2, or all")
    lfw.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder with pairs.txt and the pictures",
    )
    lfw.add_argument(
        "--view",
        choices=["1", "2", "all"],
        default="2",
        help="2: 10 folds, to report; 1: to develop; all: everyone against everyone (default: 2)",
    )
    lfw.set_defaults(run=_evaluate, study=_lfw)


def _add_pairs(protocols: Any) -> None:
    pairs = _protocol(protocols, "pairs", "a table of your own pairs", _PAIRS)
    pairs.add_argument("table", type=Path, metavar="PAIRS.csv")
    options.add_root(pairs)
    pairs.set_defaults(run=_evaluate, study=_pairs)


def _add_bin(protocols: Any) -> None:
    binary = _protocol(
        protocols,
        "bin",
        "a set in InsightFace's format, such as lfw.bin, cfp_fp.bin or agedb_30.bin",
        "The file is a pickle; it is read without executing anything in it. Its pictures are "
        "crops\naligned to arcface-112, unless --aligned names another template.",
    )
    binary.add_argument("set", type=Path, metavar="SET.bin")
    binary.set_defaults(run=_evaluate, study=_bin, aligned="arcface-112")


def _add_people(protocols: Any) -> None:
    people = _protocol(protocols, "people", "everyone against everyone", _PEOPLE)
    studies.add_people(people)
    people.add_argument(
        "--enrol",
        type=int,
        metavar="K",
        help="average the first K pictures of each person into a template, compare the others",
    )
    studies.add_max_pictures(people)
    people.set_defaults(run=_evaluate, study=_people)


def _add_documents(protocols: Any) -> None:
    documents = _protocol(
        protocols,
        "documents",
        "documents made from pictures, against live pictures",
        _PEOPLE + _DOCUMENTS,
        channel=False,
    )
    studies.add_people(documents)
    documents.add_argument(
        "--channels",
        metavar="NAME,...",
        help="document channels to use (default: all; `renzheng evaluate channels` lists them)",
    )
    documents.add_argument(
        "--persons",
        type=int,
        metavar="N",
        help="use N people, drawn at random from those with two pictures",
    )
    studies.add_max_pictures(documents)
    documents.set_defaults(run=_documents, channel=None)


def _add_identification(protocols: Any) -> None:
    search = _protocol(
        protocols,
        "identification",
        "one-to-many search: how often the right person is found, and nobody when not enrolled",
        identification.DESCRIPTION,
        channel=False,
        comparisons=False,
    )
    identification.add_options(search)
    studies.add_max_pictures(search)


def _add_channels(protocols: Any) -> None:
    channels = options.add_command(protocols, "channels", "list the document channels")
    options.add_json(channels)
    channels.set_defaults(run=_channels)


def _protocol(
    protocols: Any,
    name: str,
    summary: str,
    more: str = "",
    *,
    channel: bool = True,
    comparisons: bool = True,
) -> argparse.ArgumentParser:
    parser = options.add_command(
        protocols, name, summary, f"{summary[0].upper()}{summary[1:]}.\n\n{more}"
    )
    studies.add_measurement(parser, channel=channel, comparisons=comparisons)
    return parser


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
