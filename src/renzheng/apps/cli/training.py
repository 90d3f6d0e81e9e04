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
from typing import Any

from renzheng.apps.cli import options, terminal

_TRAIN = """\
Train a network on your own pictures, from folders of faces to a pack that `renzheng verify` uses:

  renzheng train pack PEOPLE OTHERS --recipe recipes/resnet-softmax-center.toml --pack MY-PACK

does all of it; step by step it is

  renzheng train prepare RAW CROPS                  find, align and cut the faces
  renzheng train run recipes/resnet-softmax-center.toml --out RUN 'data.sources=["CROPS"]'
  renzheng train export RUN --pack MY-PACK          a pack, calibrated and checked
  renzheng verify --pack MY-PACK ID_PHOTO LIVE_PHOTO

It needs torch: pip install 'renzheng[train]'.
"""
_PREPARE = """\
Find, align and cut the face of every picture of RAW (one folder for each person, or a CSV table
with `picture` and `person`), in parallel. An interrupted run goes on where it stopped. What gave no
crop is listed with its reason in CROPS/dropped.csv.
"""
_RUN = """\
Train as a recipe says. Any key of the recipe can be set here: optimiser.learning_rate=0.01,
loss.0.margin=0.3, 'data.sources=["crops"]'. Checkpoints are written whole or not at all; --resume
takes a run up at exactly the step where it stopped. With several processes:

  torchrun --nproc-per-node 2 -m renzheng train run RECIPE --out RUN
"""
_PACK = """\
Cut the faces of PEOPLE and OTHERS (one folder for each person in either), train on PEOPLE as the
recipe says, measure on OTHERS, and write the pack, its false match rates fitted on half of OTHERS
and tested on the other half. The same command goes on where an interrupted one stopped.
"""
_EXPORT = """\
Write the best network of a run as a pack: exported to ONNX, held against torch on real crops, its
false match rates fitted on people whom it was not trained on, half of whom are held out to test on.
"""


def register(commands: Any) -> None:
    """Add the command and its parts."""
    train = commands.add_parser(
        "train",
        help="train a network on your own pictures",
        description=_TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = train.add_subparsers(title="steps", metavar="STEP", required=True)

    shown = parts.add_parser("backbones", help="the networks to choose from, and what they cost")
    options.add_json(shown)
    shown.set_defaults(run=_backbones)

    prepare = _part(parts, "prepare", "cut aligned faces out of pictures", _PREPARE)
    prepare.add_argument("raw", type=Path, metavar="RAW")
    prepare.add_argument("crops", type=Path, metavar="CROPS")
    prepare.add_argument(
        "--template", default="arcface-112", help="alignment template (default: %(default)s)"
    )
    prepare.add_argument(
        "--size", type=int, default=0, metavar="PX", help="side of the crops (default: template's)"
    )
    prepare.add_argument(
        "--min-face-size", type=int, default=20, metavar="PX", help="default: %(default)s"
    )
    prepare.add_argument("--root", type=Path, metavar="FOLDER", help="where a table's paths start")
    prepare.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    options.add_json(prepare)
    prepare.set_defaults(run=_prepare)

    run = _part(parts, "run", "train as a recipe says", _RUN)
    run.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    run.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="keys of the recipe")
    run.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out")
    run.add_argument(
        "--cache", type=Path, metavar="FILE", help="where a teacher's embeddings are kept"
    )
    options.add_json(run)
    run.set_defaults(run=_run)

    whole = _part(parts, "pack", "all of it: from two folders of pictures to a pack", _PACK)
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
        help="where crops and the run go (default: beside the pack)",
    )
    whole.add_argument("--aligned", action="store_true", help="the pictures are crops already")
    whole.add_argument(
        "--min-face-size", type=int, default=20, metavar="PX", help="default: %(default)s"
    )
    whole.add_argument("--terms", default="", help="the terms of the pictures, for the manifest")
    options.add_json(whole)
    whole.set_defaults(run=_pack)

    export = _part(parts, "export", "write a run's network as a pack", _EXPORT)
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
        "--terms", default="", help="the terms of the pictures it was trained on, for the manifest"
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


def _part(parts: Any, name: str, summary: str, more: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parts.add_parser(
        name,
        help=summary,
        description=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _torch() -> None:
    from importlib.util import find_spec

    from renzheng.errors import RenzhengError

    if find_spec("torch") is None:
        raise RenzhengError(
            "training needs torch, which is not installed",
            remedy="pip install 'renzheng[train]'",
        )


def _backbones(arguments: argparse.Namespace) -> int:
    _torch()
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


def _prepare(arguments: argparse.Namespace, quiet: bool = False) -> int:
    from renzheng.training import prepare

    workers = options.workers(arguments)
    with terminal.progress() as tell:
        done = prepare.prepare(
            arguments.raw,
            arguments.crops,
            prepare.Settings(
                template=arguments.template,
                size=arguments.size,
                min_face_size=arguments.min_face_size,
            ),
            root=arguments.root,
            workers=workers,
            progress=lambda now, whole: tell("cutting", now, whole),
        )
    if quiet:
        return 0
    if arguments.json:
        options.print_json({"kept": done.kept, "dropped": done.dropped})
        return 0
    print(f"{done.kept} crops in {arguments.crops}")
    for reason, count in done.dropped.items():
        print(f"dropped {count}: {reason}")
    if done.dropped:
        print(f"which: {arguments.crops / prepare.DROPPED}")
    return 0


def _run(arguments: argparse.Namespace, quiet: bool = False) -> int:
    _torch()
    from renzheng.errors import InvalidInput
    from renzheng.training import distributed, recipe
    from renzheng.training.trainer import LAST, Trainer

    read = recipe.load(arguments.recipe, arguments.overrides)
    last = arguments.out / LAST
    if arguments.resume and not last.exists():
        raise InvalidInput("there is no run to go on with", source=str(arguments.out))
    if not arguments.resume and last.exists():
        raise InvalidInput(
            "there is a run already",
            source=str(arguments.out),
            remedy="go on with it (--resume), or name another --out",
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    with _shown() as (progress, tell):
        try:
            trainer = Trainer(
                read, arguments.out, progress=progress, tell=tell, cache=arguments.cache
            )
            if distributed.rank() == 0:
                text = json.dumps(read.to_dict(), indent=1)
                (arguments.out / "recipe.json").write_text(text, encoding="utf-8")
            if arguments.resume:
                trainer.resume()
                tell(f"going on at step {trainer.step} of {trainer.steps}")
            done = trainer.run()
        except KeyboardInterrupt:
            print(
                f"renzheng: stopped; `--resume` goes on from {last}"
                if last.exists()
                else "renzheng: stopped before the first checkpoint",
                file=sys.stderr,
            )
            raise
        finally:
            distributed.stop()
    if distributed.rank() == 0 and not quiet:
        if arguments.json:
            options.print_json(done)
        else:
            print(f"{done['steps']} steps, {done['pictures_a_second']:.0f} pictures a second")
            if done["best_eer"] is not None:
                print(f"best equal error rate on the people left out: {done['best_eer']:.2%}")
            print(f"next: renzheng train export {arguments.out} --pack MY-PACK")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    _torch()
    from renzheng.datasets.training import open_source
    from renzheng.evaluation.comparisons.recalibration import check
    from renzheng.training import backbones, recipe
    from renzheng.training.trainer import LAST

    check(arguments.pack, 0.5)
    read = recipe.load(arguments.recipe, arguments.overrides)
    work = arguments.work or arguments.pack.with_name(f"{arguments.pack.name}-work")
    kind = backbones.get(read.model.backbone)
    sources = {"train": arguments.people, "validation": arguments.others}
    if not arguments.aligned:
        for part, raw in list(sources.items()):
            sources[part] = work / part
            arguments.raw, arguments.crops, arguments.root = raw, sources[part], None
            arguments.template, arguments.size, arguments.workers = kind.template, 0, None
            if not arguments.json:
                print(f"cutting the faces of {raw}")
            _prepare(argparse.Namespace(**{**vars(arguments), "json": False}), quiet=arguments.json)
    both = set.intersection(*(set(open_source(path).people) for path in sources.values()))
    if both:
        print(
            f"renzheng: {len(both)} names are in both folders ({min(both)} ...): if they are the "
            "same people, the measured rates are too good to be true",
            file=sys.stderr,
        )
    arguments.overrides = [
        *arguments.overrides,
        f"data.sources=[{json.dumps(str(sources['train']))}]",
        f"validation.source={json.dumps(str(sources['validation']))}",
    ]
    arguments.out, arguments.cache = work / "run", None
    arguments.resume = (arguments.out / LAST).exists()
    _run(argparse.Namespace(**vars(arguments)), quiet=True)
    arguments.folder, arguments.name = arguments.out, None
    arguments.calibrate, arguments.int8 = None, False
    return _export(arguments)


def _export(arguments: argparse.Namespace) -> int:
    _torch()
    from renzheng.training import export

    with terminal.progress() as tell:
        done = export.export(
            arguments.folder,
            arguments.pack,
            name=arguments.name,
            calibrate=arguments.calibrate,
            terms=arguments.terms,
            int8=arguments.int8,
            command=terminal.command_line(),
            progress=tell,
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
        print(f"reaches down to FMR {done.held_out.calibration.resolution:.2g}")
        print(f"use it: renzheng verify --pack {arguments.pack} ID_PHOTO LIVE_PHOTO")
    return 0


@contextmanager
def _shown() -> Iterator[
    tuple[Callable[[int, int, Mapping[str, float]], None], Callable[[str], None]]
]:
    """A bar and words where a person looks, a line now and then elsewhere; rank 0 alone speaks."""
    from rich.console import Console

    from renzheng.training import distributed

    console = Console(stderr=True)
    speaks = distributed.rank() == 0 and os.environ.get("RANK", "0") == "0"

    def tell(words: str) -> None:
        if speaks:
            console.print(words, markup=False, highlight=False)

    if speaks and console.is_terminal:
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
        if speaks and time.monotonic() - last >= 15:
            last = time.monotonic()
            print(
                f"renzheng: step {step} of {steps}: loss {values['loss']:.4f}",
                file=sys.stderr,
                flush=True,
            )

    yield line, tell
