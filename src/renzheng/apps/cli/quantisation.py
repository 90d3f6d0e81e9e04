"""``packs quantise``: write an embedding pack in 8 bits."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from renzheng.apps.cli import next_commands, options, studies, terminal

_QUANTISE = """\
Write an embedding pack with its network in 8 bits: a quarter of the size and, on processors with
8-bit dot products (x86 with VNNI, ARM with the equivalent), two to four times as fast.

Before you start:

  - The ranges of all values inside the network are measured on faces of PEOPLE, so use pictures
    like those that will be compared: several hundred, of as many people as you can. PEOPLE is a
    folder with one folder for each person, or a CSV table with the columns `picture` and `person`.
  - Embeddings move a little. The command prints how far, and fits new false match rates on half of
    the people; the other half is held out to test both networks on. With too few people the pack is
    written without false match rates: `renzheng calibrate` adds them, and `verify` needs them.
  - 8-bit embeddings and float embeddings must not be mixed: enrol galleries again.
  - To see the cost, compare `renzheng evaluate people PEOPLE` with --pack PACK and --pack OUT.
"""


def register(actions: Any) -> None:
    """Add this action to ``packs``."""
    quantise = options.add_command(
        actions,
        "quantise",
        "write an embedding pack in 8 bits: smaller and faster",
        _QUANTISE,
        "example: renzheng packs quantise sface --people photos/ -o sface-int8",
    )
    quantise.add_argument("pack", metavar="PACK", help="a name (`packs list`) or a folder")
    quantise.add_argument("--people", type=Path, required=True, metavar="PEOPLE", help="see above")
    options.add_root(quantise)
    quantise.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="must not exist"
    )
    quantise.add_argument(
        "--crops",
        type=int,
        default=512,
        metavar="N",
        help="measure ranges on at most N faces (default: %(default)s)",
    )
    quantise.add_argument(
        "--full-range",
        action="store_true",
        help="use 8 bits for weights instead of 7: slightly more exact, but processors without "
        "VNNI would silently compute other embeddings",
    )
    studies.add_hold_out(quantise)
    quantise.add_argument(
        "--no-calibration", action="store_true", help="fit no false match rates: much faster"
    )
    studies.add_max_pictures(quantise)
    options.add_detector(quantise)
    options.add_min_face_size(quantise)
    studies.add_aligned(quantise)
    options.add_seed(quantise, "draws and splits")
    studies.add_embedding(quantise)
    options.add_json(quantise)
    quantise.set_defaults(run=_quantise, channel=None, draws=200, max_fmr=1e-4, report=None)


def _quantise(arguments: argparse.Namespace) -> int:
    from renzheng.evaluation.comparisons import quantisation, recalibration

    recalibration.check(arguments.output, arguments.hold_out)
    with studies.evaluator(arguments) as evaluator:
        done = quantisation.quantise(
            evaluator,
            studies.read_people(arguments),
            arguments.output,
            crops=arguments.crops,
            hold_out=arguments.hold_out,
            calibrate=not arguments.no_calibration,
            full_range=arguments.full_range,
            command=terminal.command_line(),
        )
    if done.faster < 1.1:
        print(
            f"renzheng: 8 bits are no faster on this machine ({done.faster:.2f} times): its "
            "processor may have no 8-bit dot product",
            file=sys.stderr,
        )
    held_out = None if done.recalibration is None else done.recalibration.held_out
    if arguments.json:
        options.print_json(
            {
                "pack": str(done.pack.folder),
                "name": done.pack.name,
                "digest": done.pack.digest,
                "crops": done.crops,
                "moved": {"mean": float(done.moved.mean()), "most": float(done.moved.max())},
                "faster": done.faster,
                "bytes": {"float": done.sizes[0], "int8": done.sizes[1]},
                "calibrated": done.recalibration is not None,
                "reason": done.reason or None,
                "held_out": None if held_out is None else held_out.to_dict(),
            }
        )
        return 0
    before, after = (size / 1e6 for size in done.sizes)
    print(f"{done.pack.name} {done.pack.version}: {done.pack.folder}")
    print(
        f"{after:.1f} MB instead of {before:.1f}, {done.faster:.1f} times as fast on this machine"
    )
    print(
        f"ranges measured on {done.crops} faces; embeddings moved by {done.moved.mean():.3f} on "
        f"average and {done.moved.max():.3f} at most ({len(done.moved)} faces)"
    )
    place = shlex.quote(str(arguments.output))
    if done.recalibration is None:
        print(f"without false match rates: {done.reason}")
        print(f"fit them, for verify: renzheng calibrate --pack {place} --people PEOPLE -o NEW")
        return 0
    if held_out is not None:
        rate = held_out.measurement.equal_error_rate
        print(f"equal error rate on the people held out: {rate.value:.2%}")
    else:
        print("Nobody was held out: the promised rates have not been tested.")
    print(next_commands.reach(done.recalibration.calibration))
    print(f"use it: {next_commands.verifying(arguments.output, done.recalibration.calibration)}")
    return 0
