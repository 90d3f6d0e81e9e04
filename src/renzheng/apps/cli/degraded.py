"""``evaluate degraded``: whether promised rates are kept on faces that have lost something."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, studies, terminal, verifiers

if TYPE_CHECKING:
    from renzheng.datasets.types import People
    from renzheng.evaluation.information.study import InformationSettings

_DEGRADED = """\
Put pictures of people through degradations (noise, blur, JPEG, mosaic, covered eyes ...), and count
false matches where a rate is promised: with both sides degraded alike, with one side degraded, and
in a gallery; before, as if the strength of a face counted for nothing, and after. True matches are
counted beside them where people have two pictures.

PEOPLE is a folder with one folder for each person, a folder of pictures each of which shows another
person, or a CSV table with the columns `picture` and `person`.

Every degraded picture is embedded once and its embedding kept (see --cache), so an interrupted run
continues where it stopped.
"""


def register(protocols: Any) -> None:
    """Add this protocol to those of ``evaluate``, and the list of its degradations."""
    parser = options.add_command(
        protocols,
        "degraded",
        "whether promised rates are kept on noisy, blurred and covered faces",
        _DEGRADED,
    )
    studies.add_people(parser)
    parser.add_argument(
        "--persons", type=int, metavar="N", help="use N people, drawn at random (default: all)"
    )
    parser.add_argument(
        "--kinds",
        default="all",
        metavar="NAME,...",
        help="degradations, families of them, or fitted or held-out (default: all; `renzheng "
        "evaluate degradations` lists them)",
    )
    parser.add_argument(
        "--one-picture",
        action="store_true",
        help="use one picture of each person: half the time, and no true matches",
    )
    for name, default, summary in (
        ("--max-fmr", 1e-4, "promised false match rate"),
        ("--max-fpir", 0.01, "promised false positive identification rate"),
    ):
        parser.add_argument(
            name,
            type=float,
            default=default,
            metavar="RATE",
            help=f"{summary} (default: {default:g})",
        )
    options.add_pack(parser)
    options.add_detector(parser)
    options.add_min_face_size(parser)
    options.add_backend(parser)
    options.add_seed(parser, "draws and degradations")
    studies.add_draws(parser)
    studies.add_embedding(parser)
    studies.add_report(parser)
    options.add_json(parser)
    parser.set_defaults(run=_evaluate, threads=None)

    known = options.add_command(protocols, "degradations", "list the degradations of faces")
    options.add_json(known)
    known.set_defaults(run=_list)


def names_of(kinds: str) -> tuple[str, ...]:
    """Return the names of degradations that a list of names, families and groups stands for.

    Raises
    ------
    InvalidInput
        If one is unknown.
    """
    from renzheng.datasets.degradations import captures
    from renzheng.errors import InvalidInput

    known = captures.DEGRADATIONS
    groups = {
        "all": tuple(known),
        "fitted": captures.fitted(),
        "held-out": captures.held_out(),
        **{
            family: tuple(n for n, each in known.items() if each.family == family)
            for family in dict.fromkeys(each.family for each in known.values())
        },
    }
    found: dict[str, None] = {}
    for word in kinds.split(","):
        if word not in known and word not in groups:
            raise InvalidInput(
                f"unknown degradation {word!r}",
                remedy="`renzheng evaluate degradations` lists them and their families",
            )
        # Some families have the name of one of theirs; the name means that one alone.
        found.update(dict.fromkeys((word,) if word in known else groups[word]))
    return tuple(found)


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports import pages
    from renzheng.apps.reports.evaluation import degraded
    from renzheng.evaluation.information.study import evaluate_degraded

    settings = _settings(arguments)
    if arguments.report is not None:
        pages.check(arguments.report)
        studies.check_report(arguments)
    people = _people(arguments)
    verifier = verifiers.load(arguments)

    def message() -> str:
        if settings.cache is None:
            return ""
        return "embeddings so far are kept; the same command continues from here"

    with terminal.progress() as tell, terminal.explain_interrupt(message):
        study = evaluate_degraded(people, verifier, settings, progress=tell)
    studies.show_by(degraded, study, arguments)
    return 0


def _settings(arguments: argparse.Namespace) -> InformationSettings:
    from renzheng.errors import InvalidInput
    from renzheng.evaluation.information.cache import default_path
    from renzheng.evaluation.information.study import InformationSettings

    for name in ("max_fmr", "max_fpir"):
        value = getattr(arguments, name)
        if not 0 < value < 1:
            raise InvalidInput(
                f"--{name.replace('_', '-')} must lie between 0 and 1, not {value:g}"
            )
    if arguments.draws < 1:
        raise InvalidInput(f"--draws must be 1 or more, not {arguments.draws}")
    return InformationSettings(
        names=names_of(arguments.kinds),
        people=arguments.persons,
        max_fmr=arguments.max_fmr,
        max_fpir=arguments.max_fpir,
        genuine=not arguments.one_picture,
        seed=arguments.seed,
        draws=arguments.draws,
        workers=options.workers(arguments),
        cache=None if arguments.no_cache else arguments.cache or default_path(),
    )


def _people(arguments: argparse.Namespace) -> People:
    from renzheng.datasets import people, table

    source: Path = arguments.people
    return people.read_any(source) if source.is_dir() else table.read_people(source, arguments.root)


def _list(arguments: argparse.Namespace) -> int:
    from renzheng.datasets.degradations import captures

    if arguments.json:
        options.print_json(
            {
                name: {
                    "description": each.description,
                    "family": each.family,
                    "held_out": each.held_out,
                }
                for name, each in captures.DEGRADATIONS.items()
            }
        )
        return 0
    for name, each in captures.DEGRADATIONS.items():
        mark = "held out" if each.held_out else "fitted"
        print(f"{name:<22}{each.family:<13}{mark:<10}{each.description}")
    return 0
