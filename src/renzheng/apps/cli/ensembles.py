"""``packs combine``: write a pack of several embedding networks side by side."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import next_commands, options, studies, terminal

if TYPE_CHECKING:
    from renzheng.evaluation.comparisons.ensembles import Combined
    from renzheng.models.packs import Pack

_AUTO = "auto"

_COMBINE = """\
Write a pack of two to four embedding networks side by side. Its embedding is the concatenation of
theirs, each scaled to unit length and multiplied by its weight: the squared distance is the
weighted mean of theirs. It serves wherever a pack does, and takes the time of all its networks.

Before you start:

  - Networks that were trained differently make different mistakes, and gain by each other. The same
    network twice, or a strong one with a much weaker one, gains little or nothing: the command
    prints what each does alone, and all together, on people whom nothing was fitted on.
  - Name the strongest first. Its crops are kept exactly, the others' are resampled from the same
    pixels, and the strength of a face is told by its embedding.
  - --weights auto, the default, fits the weights to half of the people of --people; the other half
    is held out. On the same halves false match rates are fitted and tested, as by
    `renzheng calibrate`. With too few people for that the pack is written without rates. PEOPLE is
    a folder with one folder for each person, or a CSV table with the columns `picture` and
    `person`.
  - --weights 1,0.4 sets them by hand: factors of the embeddings, of which only the ratio counts;
    squared, they are shares of the squared distance. --people is not needed then.
  - A network that tells some people apart badly gains nothing for them, whatever it does for the
    people of --people: name all who will be compared with --population.
  - The pack holds the files and the licences of all its members: the strictest of them binds.
"""


def register(actions: Any) -> None:
    """Add this action to ``packs``."""
    combine = options.add_command(
        actions,
        "combine",
        "write a pack of several embedding networks side by side",
        _COMBINE,
        "example: renzheng packs combine sface dlib-resnet --people photos/ -o both",
    )
    combine.add_argument(
        "packs", nargs="+", metavar="PACK", help="names (`packs list`) or folders, 2 to 4"
    )
    combine.add_argument(
        "--weights",
        type=_weights,
        default=_AUTO,
        metavar="auto|W,W",
        help="fit the weights to the people, or one for each pack (default: auto)",
    )
    combine.add_argument("--people", type=Path, metavar="PEOPLE", help="see above")
    options.add_root(combine)
    combine.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="must not exist"
    )
    combine.add_argument("--name", help="the pack's name (default: the names of its members)")
    studies.add_hold_out(combine)
    combine.add_argument(
        "--population",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="further people whom weights are fitted for and promised rates hold for; see "
        "calibrate --help; repeatable",
    )
    combine.add_argument(
        "--degraded",
        type=int,
        metavar="N",
        help="fit the rates of faces that show too little as well; see calibrate --help",
    )
    combine.add_argument(
        "--no-calibration", action="store_true", help="fit no false match rates: faster"
    )
    studies.add_max_pictures(combine)
    options.add_detector(combine)
    options.add_min_face_size(combine)
    options.add_backend(combine)
    studies.add_aligned(combine)
    options.add_seed(combine, "draws and splits")
    studies.add_embedding(combine)
    options.add_json(combine)
    combine.set_defaults(run=_combine, channel=None, draws=200, max_fmr=1e-4, report=None)


def _weights(text: str) -> str | tuple[float, ...]:
    if text == _AUTO:
        return text
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"auto, or one number for each pack as in 1,0.4, not {text!r}"
        ) from None


def _combine(arguments: argparse.Namespace) -> int:
    from renzheng.errors import InvalidInput
    from renzheng.evaluation.comparisons import recalibration
    from renzheng.faces import ensemble
    from renzheng.models import packs

    recalibration.check(arguments.output, arguments.hold_out)
    weights = None if arguments.weights == _AUTO else arguments.weights
    if weights is None and arguments.people is None:
        raise InvalidInput(
            "weights are fitted to people, and none were given",
            remedy="give --people PEOPLE, or weights of your own: --weights 1,0.4",
        )
    if arguments.people is None and (arguments.population or arguments.degraded is not None):
        raise InvalidInput("--population and --degraded need --people, to fit rates on")
    members = [packs.of_kind("embedder", each) for each in arguments.packs]
    ensemble.check(members, weights)
    if arguments.people is None:
        assert weights is not None
        pack = ensemble.combine(
            members,
            weights,
            arguments.output,
            name=arguments.name,
            provenance={"command": terminal.command_line()},
        )
        _show_pack(pack, arguments)
        return 0
    _show(_fitted(arguments, members, weights), arguments)
    return 0


def _fitted(
    arguments: argparse.Namespace, members: list[Pack], weights: tuple[float, ...] | None
) -> Combined:
    from renzheng.evaluation.comparisons import ensembles, populations

    names = [] if arguments.people is None else [arguments.people.name]
    further = populations.read([(text, True) for text in arguments.population], names)
    populations.check_sizes(further, arguments.hold_out, arguments.seed)
    arguments.pack = arguments.packs[0]
    with _cache(arguments), studies.evaluator(arguments) as evaluator:
        return ensembles.combine(
            members,
            arguments.output,
            evaluator,
            studies.read_people(arguments),
            weights=weights,
            name=arguments.name,
            hold_out=arguments.hold_out,
            calibrate=not arguments.no_calibration,
            populations=further,
            degraded=arguments.degraded,
            command=terminal.command_line(),
        )


@contextlib.contextmanager
def _cache(arguments: argparse.Namespace) -> Iterator[None]:
    """Keep embeddings for the length of the command at least, which needs them twice."""
    if not arguments.no_cache:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        arguments.no_cache, arguments.cache = False, Path(folder) / "embeddings.sqlite3"
        yield


def _show_pack(pack: Pack, arguments: argparse.Namespace) -> None:
    if arguments.json:
        options.print_json(
            {
                "pack": str(pack.folder),
                "name": pack.name,
                "digest": pack.digest,
                "weights": [each["weight"] for each in pack.manifest["members"]],
                "calibrated": False,
            }
        )
        return
    _print_pack(pack)
    _print_next(arguments, "none was asked for")


def _show(done: Combined, arguments: argparse.Namespace) -> None:
    if arguments.json:
        options.print_json(_facts(done))
        return
    _print_pack(done.pack)
    if done.fitted is not None:
        low, high = done.fitted.rates
        print(
            f"weights fitted on {done.fitted.people} people, for the least FNMR at FMR {low:.2g} "
            f"to {high:.2g}"
        )
    if done.rates and done.rates[0].fnmr:
        from renzheng.apps.reports.evaluation.tables import Table

        note = ", the FMR being the highest of all populations" if arguments.population else ""
        columns = [f"{rate:g}" for rate in done.rates[0].fnmr]
        terminal.print_table(
            Table(
                "FNMR at FMR, on the people held out" + note,
                ("", *columns),
                tuple(
                    (each.name, *(f"{v:.2%}" for v in each.fnmr.values())) for each in done.rates
                ),
            )
        )
    if done.pays is False:
        print("It does not pay on these people: one of its members alone does as well.")
    if done.recalibration is None:
        _print_next(arguments, done.reason)
        return
    if done.recalibration.held_out is None:
        print("Nobody was held out: neither weights nor promised rates have been tested.")
    if done.recalibration.populations:
        from renzheng.apps.reports.evaluation.comparisons import tables

        terminal.print_table(tables.populations(done.recalibration.populations))
    print(next_commands.reach(done.recalibration.calibration))
    print(f"use it: {next_commands.verifying(arguments.output, done.recalibration.calibration)}")


def _print_pack(pack: Pack) -> None:
    size = sum((pack.folder / name).stat().st_size for name in pack.manifest["files"])
    print(f"{pack.name} {pack.version} ({pack.manifest['licence']}): {pack.folder}")
    print(f"{pack.manifest['embedding']['dimension']} numbers a face, {size / 1e6:.1f} MB")
    for each in pack.manifest["members"]:
        share = each["weight"] ** 2
        print(f"  {each['name']}: weight {each['weight']:.3f}, {share:.0%} of the squared distance")


def _print_next(arguments: argparse.Namespace, reason: str) -> None:
    place = shlex.quote(str(arguments.output))
    people = "PEOPLE" if arguments.people is None else shlex.quote(str(arguments.people))
    print(f"without false match rates: {reason}")
    print(f"fit them, for verify: renzheng calibrate --pack {place} --people {people} -o NEW")


def _facts(done: Combined) -> dict[str, Any]:
    fitted, calibrated = done.fitted, done.recalibration
    held_out = None if calibrated is None else calibrated.held_out
    return {
        "pack": str(done.pack.folder),
        "name": done.pack.name,
        "digest": done.pack.digest,
        "weights": list(done.weights),
        "fitted": None
        if fitted is None
        else {
            "people": fitted.people,
            "fmr": list(fitted.rates),
            "mean_fnmr": fitted.fnmr,
            "mean_fnmr_alone": list(fitted.alone),
        },
        "pays": done.pays,
        "fnmr_at_fmr": {
            each.name: {f"{rate:g}": fnmr for rate, fnmr in each.fnmr.items()}
            for each in done.rates
        },
        "calibrated": calibrated is not None,
        "reason": done.reason or None,
        "held_out": None if held_out is None else held_out.to_dict(),
        "populations": [] if calibrated is None else [k.to_dict() for k in calibrated.populations],
    }
