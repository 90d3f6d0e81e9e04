"""``train``: prepare pictures, run a recipe, export a pack."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import next_commands, options, terminal

if TYPE_CHECKING:
    from renzheng.training.prepare import PreparedCrops, Settings
    from renzheng.training.recipe import Recipe

_TRAIN = """\
Train a network on your own pictures, from folders of faces to a pack that `renzheng verify` uses:

  renzheng train pack PEOPLE OTHERS --recipe recipes/resnet-softmax-center.toml --pack MY-PACK

does all of it; step by step it is

  renzheng train prepare RAW CROPS                  detect, align and cut the faces
  renzheng train run recipes/resnet-softmax-center.toml --out RUN 'data.sources=["CROPS"]'
  renzheng train export RUN --pack MY-PACK          a pack, calibrated and checked
  renzheng verify --pack MY-PACK ID_PHOTO LIVE_PHOTO

It needs torch: pip install 'renzheng[train]'.
"""
_PREPARE = """\
Detect, align and cut the face of every picture of RAW (one folder for each person, or a CSV table
with `picture` and `person`), in parallel. An interrupted run goes on where it stopped. Pictures
that gave no crop are listed with the reason in CROPS/dropped.csv.
"""
_RUN = """\
Train as a recipe says. Any key of the recipe can be set here: optimiser.learning_rate=0.01,
loss.0.margin=0.3, 'data.sources=["crops"]'. Checkpoints are written whole or not at all; --resume
goes on at exactly the step where the run stopped. With several processes:

  torchrun --nproc-per-node 2 -m renzheng train run RECIPE --out RUN
"""
_PACK = """\
Cut the faces of PEOPLE and OTHERS (one folder for each person in either), train on PEOPLE as the
recipe says, measure on OTHERS, and write the pack, with false match rates fitted on half of OTHERS
and tested on the other half. The same command goes on where an interrupted one stopped.
"""
_EXPORT = """\
Write the best network of a run as a pack: exported to ONNX, compared with torch on real crops, with
false match rates fitted on people whom it was not trained on, half of whom are held out to test on.
"""


def register(commands: Any) -> None:
    """Add the command and its steps."""
    train = options.add_command(
        commands, "train", "train a network on your own pictures", description=_TRAIN
    )
    steps = train.add_subparsers(title="steps", metavar="STEP", required=True)

    listing = options.add_command(
        steps, "backbones", "the networks to choose from, and what they cost"
    )
    options.add_json(listing)
    listing.set_defaults(run=_backbones)

    prepare = options.add_command(steps, "prepare", "cut aligned faces out of pictures", _PREPARE)
    prepare.add_argument("raw", type=Path, metavar="RAW")
    prepare.add_argument("crops", type=Path, metavar="CROPS")
    prepare.add_argument(
        "--template", default="arcface-112", help="alignment template (default: %(default)s)"
    )
    prepare.add_argument(
        "--size", type=int, default=0, metavar="PX", help="side of the crops (default: template's)"
    )
    options.add_detector(prepare)
    options.add_min_face_size(prepare, 20)
    options.add_root(prepare)
    options.add_workers(prepare)
    options.add_json(prepare)
    prepare.set_defaults(run=_prepare)

    run = options.add_command(steps, "run", "train as a recipe says", _RUN)
    run.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    run.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="keys of the recipe")
    run.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out")
    run.add_argument("--cache", type=Path, metavar="FILE", help="file of a teacher's embeddings")
    options.add_json(run)
    run.set_defaults(run=_run)

    whole = options.add_command(
        steps, "pack", "all steps, from two folders of pictures to a pack", _PACK
    )
    whole.add_argument("people", type=Path, metavar="PEOPLE")
    whole.add_argument("others", type=Path, metavar="OTHERS")
    whole.add_argument("--pack", type=Path, required=True, metavar="FOLDER", help="must not exist")
    whole.add_argument(
        "--recipe", type=Path, required=True, metavar="RECIPE.toml", help="see recipes/"
    )
    whole.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="keys of the recipe")
    whole.add_argument(
        "--work",
        type=Path,
        metavar="FOLDER",
        help="folder of the crops and the run (default: beside the pack)",
    )
    whole.add_argument("--aligned", action="store_true", help="the pictures are crops already")
    options.add_detector(whole)
    options.add_min_face_size(whole, 20)
    whole.add_argument("--terms", default="", help="the terms of the pictures, for the manifest")
    options.add_json(whole)
    whole.set_defaults(run=_pack)

    export = options.add_command(steps, "export", "write a run's network as a pack", _EXPORT)
    export.add_argument("folder", type=Path, metavar="RUN")
    export.add_argument("--pack", type=Path, required=True, metavar="FOLDER", help="must not exist")
    export.add_argument("--name", help="the pack's name (default: the folder's)")
    export.add_argument(
        "--calibrate",
        type=Path,
        metavar="PEOPLE",
        help="aligned crops of people who were not trained on (default: the recipe's validation)",
    )
    export.add_argument(
        "--terms", default="", help="the terms of the training pictures, for the manifest"
    )
    export.add_argument(
        "--int8",
        action="store_true",
        help="8-bit weights and activations: a quarter of the size and two to four times as fast "
        "where the processor has 8-bit dot products; ranges are measured on 512 training crops, "
        "false match rates fitted on the 8-bit network (docs/quantising.md)",
    )
    options.add_json(export)
    export.set_defaults(run=_export)


def _check_installed() -> None:
    from importlib.util import find_spec

    from renzheng.errors import RenzhengError

    for library in ("torch", "pydantic"):
        if find_spec(library) is None:
            raise RenzhengError(
                f"training needs {library}, which is not installed",
                remedy="pip install 'renzheng[train]'",
            )


def _backbones(arguments: argparse.Namespace) -> int:
    _check_installed()
    from renzheng.training.backbones import BACKBONES

    rows: list[dict[str, Any]] = []
    for name, kind in BACKBONES.items():
        cost = kind.cost()
        rows.append(
            {
                "name": name,
                "input_size": kind.input_size,
                "dimension": kind.dimension,
                "parameters": cost.parameters,
                "multiply_adds": cost.multiply_adds,
                "template": kind.template,
                "paper": kind.paper,
            }
        )
    if arguments.json:
        options.print_json(rows)
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "input", "dimension", "parameters", "multiply-adds", "paper")
    for row in rows:
        table.add_row(
            str(row["name"]),
            f"{row['input_size']} px",
            str(row["dimension"]),
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['multiply_adds'] / 1e9:.2f} G",
            str(row["paper"]),
        )
    console = Console()
    (console if console.is_terminal else Console(width=150)).print(table)
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from renzheng.training.prepare import Settings

    crops, workers = arguments.crops, options.workers(arguments)
    settings = Settings(
        arguments.template, arguments.size, arguments.min_face_size, arguments.detector
    )
    done = _cut_crops(arguments.raw, crops, settings, arguments.root, workers)
    if arguments.json:
        options.print_json({"kept": done.kept, "dropped": done.dropped})
    else:
        _print_crops(done, crops)
    return 0


def _cut_crops(
    raw: Path, crops: Path, settings: Settings, root: Path | None, workers: int
) -> PreparedCrops:
    from renzheng.training import prepare

    with terminal.progress() as report:
        return prepare.prepare(
            raw,
            crops,
            settings,
            root=root,
            workers=workers,
            progress=lambda done, count: report("cutting", done, count),
        )


def _print_crops(done: PreparedCrops, crops: Path) -> None:
    from renzheng.training.prepare import DROPPED

    print(f"{done.kept} crops in {crops}")
    for reason, count in done.dropped.items():
        print(f"dropped {count}: {reason}")
    if done.dropped:
        print(f"which: {crops / DROPPED}")


def _run(arguments: argparse.Namespace) -> int:
    _check_installed()
    from renzheng.errors import InvalidInput
    from renzheng.training import recipe as recipes
    from renzheng.training.trainer import LAST

    recipe = recipes.load(arguments.recipe, arguments.overrides)
    exists = (arguments.out / LAST).exists()
    if arguments.resume and not exists:
        raise InvalidInput("there is no run to go on with", source=str(arguments.out))
    if exists and not arguments.resume:
        raise InvalidInput(
            "there is a run already",
            source=str(arguments.out),
            remedy="go on with it (--resume), or name another --out",
        )
    results = _train(recipe, arguments.out, resume=arguments.resume, cache=arguments.cache)
    if not results:
        return 0
    if arguments.json:
        options.print_json(results)
        return 0
    print(f"{results['steps']} steps, {results['pictures_a_second']:.0f} pictures a second")
    if results["best_eer"] is not None:
        print(f"best equal error rate on the people left out: {results['best_eer']:.2%}")
    print(f"next: renzheng train export {arguments.out} --pack MY-PACK")
    return 0


def _train(
    recipe: Recipe, out: Path, *, resume: bool, cache: Path | None = None
) -> dict[str, Any] | None:
    """Train in a folder and return the results; None in every process but the first."""
    from renzheng.training import distributed
    from renzheng.training.trainer import LAST, Trainer

    def interrupted() -> str:
        if (out / LAST).exists():
            return f"stopped; `--resume` goes on from {out / LAST}"
        return "stopped before the first checkpoint"

    out.mkdir(parents=True, exist_ok=True)
    with _training_progress() as (progress, tell), terminal.explain_interrupt(interrupted):
        try:
            trainer = Trainer(recipe, out, progress=progress, tell=tell, cache=cache)
            is_first = distributed.rank() == 0
            if is_first:
                text = json.dumps(recipe.to_dict(), indent=1)
                (out / "recipe.json").write_text(text, encoding="utf-8")
            if resume:
                trainer.resume()
                tell(f"going on at step {trainer.step} of {trainer.steps}")
            results = trainer.run()
        finally:
            distributed.stop()
    return results if is_first else None


def _pack(arguments: argparse.Namespace) -> int:
    _check_installed()
    from renzheng._support.cpu import cores
    from renzheng.datasets.training import open_source
    from renzheng.evaluation.comparisons.recalibration import check
    from renzheng.training import backbones
    from renzheng.training import recipe as recipes
    from renzheng.training.prepare import Settings
    from renzheng.training.trainer import LAST

    check(arguments.pack, 0.5)
    work = arguments.work or arguments.pack.with_name(f"{arguments.pack.name}-work")
    pictures = {"train": arguments.people, "validation": arguments.others}
    crops = pictures if arguments.aligned else {part: work / part for part in pictures}
    recipe = recipes.load(
        arguments.recipe,
        [
            *arguments.overrides,
            f"data.sources=[{json.dumps(str(crops['train']))}]",
            f"validation.source={json.dumps(str(crops['validation']))}",
        ],
    )
    if not arguments.aligned:
        template = backbones.get(recipe.model.backbone).template
        settings = Settings(
            template, min_face_size=arguments.min_face_size, detector=arguments.detector
        )
        for part, raw in pictures.items():
            if not arguments.json:
                print(f"cutting the faces of {raw}")
            done = _cut_crops(raw, crops[part], settings, None, cores())
            if not arguments.json:
                _print_crops(done, crops[part])
    both = set.intersection(*(set(open_source(path).people) for path in crops.values()))
    if both:
        print(
            f"renzheng: {len(both)} names are in both folders ({min(both)} ...): if they are the "
            "same people, the measured rates are too good to be true",
            file=sys.stderr,
        )
    out = work / "run"
    _train(recipe, out, resume=(out / LAST).exists())
    return _write_pack(out, arguments)


def _export(arguments: argparse.Namespace) -> int:
    _check_installed()
    return _write_pack(
        arguments.folder,
        arguments,
        name=arguments.name,
        calibrate=arguments.calibrate,
        int8=arguments.int8,
    )


def _write_pack(run: Path, arguments: argparse.Namespace, **more: Any) -> int:
    """Write the pack of a run, and print what it is worth."""
    from renzheng.training import export

    with terminal.progress() as report:
        done = export.export(
            run,
            arguments.pack,
            terms=arguments.terms,
            command=terminal.command_line(),
            progress=report,
            **more,
        )
    held_out = None if done.held_out is None else done.held_out.held_out
    if arguments.json:
        options.print_json(
            {
                "pack": str(done.pack.folder),
                "digest": done.pack.digest,
                "difference": done.difference,
                "held_out": None if held_out is None else held_out.to_dict(),
            }
        )
        return 0
    print(f"{done.pack.folder}: differs from torch by {done.difference:.1g} at most")
    if held_out is None or done.held_out is None:
        print("not calibrated, since no people were named: verify needs that, evaluate does not")
    else:
        rate = held_out.measurement.equal_error_rate
        print(f"equal error rate on the people held out: {rate.value:.2%}")
        print(next_commands.reach(done.held_out.calibration))
        print(f"use it: {next_commands.verifying(arguments.pack, done.held_out.calibration)}")
    return 0


@contextmanager
def _training_progress() -> Iterator[
    tuple[Callable[[int, int, Mapping[str, float]], None], Callable[[str], None]]
]:
    """Show a bar on a terminal, an occasional line elsewhere; process 0 alone prints."""
    from rich.console import Console

    from renzheng.training import distributed

    console = Console(stderr=True)
    prints = distributed.rank() == 0 and os.environ.get("RANK", "0") == "0"

    def tell(words: str) -> None:
        if prints:
            console.print(words, markup=False, highlight=False)

    if prints and console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            console=console,
        ) as bars:
            task = bars.add_task("training", total=None)

            def draw(step: int, steps: int, values: Mapping[str, float]) -> None:
                bars.update(
                    task, completed=step, total=steps, description=f"loss {values['loss']:.4f}"
                )

            yield draw, tell
        return
    last = time.monotonic()

    def line(step: int, steps: int, values: Mapping[str, float]) -> None:
        nonlocal last
        if prints and time.monotonic() - last >= 15:
            last = time.monotonic()
            print(
                f"renzheng: step {step} of {steps}: loss {values['loss']:.4f}",
                file=sys.stderr,
                flush=True,
            )

    yield line, tell
