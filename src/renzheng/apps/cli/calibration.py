"""``calibrate``: fit a pack's false match rates on pairs of your own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import next_commands, options, studies, terminal

if TYPE_CHECKING:
    from renzheng.datasets.types import Pairs, People

_CALIBRATE = """\
Fit the false match rate and the likelihood ratio of a distance on pairs of your own, and write a
pack for `renzheng verify --pack FOLDER`. Half of the people are held out: on them the promised
rates are compared with the observed ones.

No rate is promised below that at which 30 different pairs of people match falsely (rule of 30). Low
rates need many different people: --people compares everyone with everyone, and --pairs --cross
every reference with every probe: 500 people with one document and one live picture each give
249,500 impostor comparisons.

A rate holds for people like those it was measured on. --population names further people, each
compared with everyone else of that population; the promised rate is then, at every distance, the
highest of all these populations, and every rate is shown with the people it was measured on. The
rates of --stated are shown as well, but are not part of the promise. Both take

  NAME=FOLDER  a folder with one folder for each person, or with pictures alone: then every picture
               counts as another person
  NAME=TABLE   a CSV table with the columns `picture` and `person`, or `picture` alone, likewise

and are repeatable. Below the rate at which 30 different pairs of a population match falsely, its
curve is extrapolated and marked as such.

A rate that was measured on clear faces does not hold where both sides are noisy, blurred or
covered. The pack says from which strength of a face on its rates hold, and which hold below;
--degraded fits these anew (see `renzheng evaluate degraded --help`).
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    calibrate = options.add_command(
        commands, "calibrate", "fit a pack's false match rates on your own pairs", _CALIBRATE
    )
    data = calibrate.add_mutually_exclusive_group(required=True)
    data.add_argument("--pairs", type=Path, metavar="PAIRS.csv", help="see evaluate pairs --help")
    data.add_argument("--people", type=Path, metavar="PEOPLE", help="see evaluate people --help")
    options.add_root(calibrate)
    calibrate.add_argument(
        "--cross",
        action="store_true",
        help="with --pairs: compare every reference with every probe; people are distinguished by "
        "the columns reference_person and probe_person, or else by the genuine pairs",
    )
    calibrate.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder to write the calibrated pack to; must not exist",
    )
    studies.add_hold_out(calibrate)
    _add_populations(calibrate)
    calibrate.add_argument(
        "--degraded",
        type=int,
        metavar="N",
        help="fit the rates of faces that show too little as well, on degraded pictures of N "
        "people of each population (default: keep those of the pack)",
    )
    studies.add_max_pictures(calibrate)
    studies.add_measurement(calibrate)
    calibrate.set_defaults(run=_calibrate)


def _add_populations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--people-name",
        metavar="NAME",
        help="name of the people of --pairs or --people wherever a rate is shown (default: the "
        "name of the folder or table)",
    )
    parser.add_argument(
        "--population",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="further people for whom the promised rate holds; repeatable",
    )
    parser.add_argument(
        "--stated",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="people whose rates are measured and shown, but not promised; repeatable",
    )


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
            degraded=arguments.degraded,
            command=terminal.command_line(),
        )
    if done.held_out is not None:
        studies.show(
            {done.held_out.name: done.held_out}, arguments, done.reliability, done.populations
        )
    if not arguments.json:
        print(f"\n{done.pack.name} {done.pack.version} {next_commands.reach(done.calibration)}")
        print(f"use it: {next_commands.verifying(arguments.output, done.calibration)}")
        print(f"measured on {of_calibration(done.calibration)}")
        if done.held_out is None:
            print("Nobody was held out: the promised rates have not been tested.")
    elif done.held_out is None:
        options.print_json({"calibration": done.calibration.to_dict()})
    return 0
