"""``packs import``: a pack of a network of your own, its preprocessing tried on people."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import features, options, terminal

if TYPE_CHECKING:
    from renzheng.datasets.types import People
    from renzheng.models.packs import Pack

_IMPORT = """\
Make an embedding pack of a network of your own. FILE is one of

  - an ONNX network that embeds faces,
  - weights that torch saved: facenet-pytorch's .pt, arcface_torch's backbone.pth or
    checkpoint_gpu_0.pt, a torchvision ResNet, DenseNet or VGG, or any state dict with the layers of
    a backbone of renzheng (needs `pip install 'renzheng[train]'`); nothing in a file is executed,
  - the folder of a run of `renzheng train`.

Sizes, dimension and batch are read from the file. A file does not say how a face is to be prepared:
give a preset, or --template, --channels, --mean and --scale (each also changes a preset). The
network's input is (channel - mean) * scale of channels from 0 to 255.

A wrong channel order, scale or template is no error anywhere: the network only recognises fewer
people. So the declared preparation is tried against the plausible others on pictures of people:
--people, or Labeled Faces in the Wild if it lies in $RENZHENG_LFW, in the working directory or in
scikit-learn's folder of data. This takes a minute or two. A table shows the equal error rates, and
a warning follows where another preparation clearly wins; --try-all takes that one instead.
"""
_EPILOG = """\
examples:
  renzheng packs import w600k_r50.onnx -o r50 --preset insightface --people photos/ \\
    --licence "non-commercial research" --data-licence unknown
  renzheng packs import 20180402-114759-vggface2.pt -o facenet --preset facenet \\
    --licence MIT --data-licence "VGGFace2's terms"
then: renzheng calibrate --pack r50 --people photos/ -o r50-calibrated
"""


def register(actions: Any) -> None:
    """Add this action to ``packs``."""
    command = options.add_command(
        actions, "import", "make a pack of a network of your own", _IMPORT, _EPILOG
    )
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="PACK", help="folder; must not exist"
    )
    command.add_argument("--name", help="name of the pack (default: the folder's)")
    terms = command.add_argument_group("terms, both needed; `unknown` becomes a limit of the pack")
    terms.add_argument("--licence", metavar="TEXT", help="licence of the weights")
    terms.add_argument(
        "--data-licence", metavar="TEXT", help="terms of the data that they were trained on"
    )
    _add_preparation(command)
    _add_network(command)
    _add_trial(command)
    options.add_json(command)
    command.set_defaults(run=_import)


def _add_preparation(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("preparation of a face")
    group.add_argument(
        "--preset", metavar="NAME", help="insightface, sface, facenet, adaface, edgeface or dlib"
    )
    group.add_argument(
        "--template", metavar="NAME", help="alignment: arcface-112, facenet-160 or dlib-150"
    )
    group.add_argument("--channels", choices=("RGB", "BGR"), help="order of the channels")
    group.add_argument(
        "--mean", type=features.numbers, metavar="N[,N,N]", help="subtracted from the channels"
    )
    group.add_argument(
        "--scale", type=features.numbers, metavar="N[,N,N]", help="factor of the difference"
    )
    group.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average with the mirror image's embedding: a little better, twice the time "
        "(default: yes)",
    )


def _add_network(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("network, where the file leaves it open")
    group.add_argument("--size", type=int, metavar="PX", help="side of the crops")
    group.add_argument("--tensor", metavar="NAME", help="ONNX: tensor that holds the embedding")
    group.add_argument(
        "--backbone", metavar="NAME", help="torch: backbone (default: the one that fits)"
    )
    group.add_argument(
        "--head",
        choices=("keep", "drop"),
        help="torchvision: whether the last layer gives the embedding (default: if it has at most "
        "1024 outputs and not ImageNet's 1000)",
    )


def _add_trial(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("trial of the preparation")
    group.add_argument(
        "--people",
        type=Path,
        metavar="PEOPLE",
        help="folder with one folder for each person, or a CSV table with the columns `picture` "
        "and `person`",
    )
    options.add_root(command)
    group.add_argument(
        "--try-all", action="store_true", help="take the preparation that clearly wins, if one does"
    )
    group.add_argument("--no-trial", action="store_true", help="try nothing, even if LFW is there")
    group.add_argument(
        "--trial-people",
        type=int,
        metavar="N",
        help="people to try on at most (default: 150; fewer if the network is slow)",
    )
    options.add_seed(command, "the choice of people")
    options.add_backend(command)
    options.add_workers(command, "processes that look for faces")


def _import(arguments: argparse.Namespace) -> int:
    import tempfile

    from renzheng.errors import InvalidInput
    from renzheng.evaluation.preprocessing import proof

    workers = options.workers(arguments)
    if arguments.output.exists():
        raise InvalidInput(
            "the path exists already", source=str(arguments.output), remedy="name another folder"
        )
    if arguments.trial_people is not None and arguments.trial_people < 20:
        raise InvalidInput(f"--trial-people must be 20 or more, not {arguments.trial_people}")
    for option, text in (
        ("--licence", arguments.licence),
        ("--data-licence", arguments.data_licence),
    ):
        if text is None or not text.strip():
            raise InvalidInput(
                f"{option} is missing: say what the publisher states",
                remedy=f"{option} unknown, if nobody states it; the pack says so",
            )
    people = _people(arguments)
    if people is None and arguments.try_all:
        raise InvalidInput(
            "--try-all needs pictures of people", remedy="give a folder of them with --people"
        )
    with tempfile.TemporaryDirectory() as scratch, terminal.progress() as tell:
        draft = _draft(arguments, Path(scratch) / "draft")
        proved = proof.prove(
            draft,
            arguments.output,
            people,
            choose=arguments.try_all,
            **(
                {}
                if people is None
                else {
                    "count": arguments.trial_people,
                    "seed": arguments.seed,
                    "backend": arguments.backend,
                    "workers": workers,
                    "progress": tell,
                }
            ),
        )
    _show(proved, arguments)
    return 0


def _people(arguments: argparse.Namespace) -> People | None:
    from renzheng.datasets import people, table
    from renzheng.evaluation.preprocessing import crops

    if arguments.no_trial:
        return None
    if arguments.people is None:
        found = crops.lfw()
        return None if found is None else people.read(found)
    if arguments.people.is_dir():
        return people.read(arguments.people)
    return table.read_people(arguments.people, arguments.root)


def _draft(arguments: argparse.Namespace, folder: Path) -> Pack:
    """Convert the file."""
    from renzheng.models.converters import embedder

    facts = {"command": terminal.command_line()}
    common: dict[str, Any] = {
        "licence": arguments.licence,
        "data_licence": arguments.data_licence,
        "name": arguments.name or arguments.output.name,
        "size": arguments.size,
        "provenance": facts,
    }
    if _is_torch(arguments.file):
        imports = _training()
        return imports.import_torch(  # type: ignore[no-any-return]
            arguments.file,
            folder,
            preprocessing=_preparation(arguments, complete=False),
            backbone=arguments.backbone,
            head=arguments.head,
            **common,
        )
    return embedder.import_onnx(
        arguments.file,
        folder,
        preprocessing=_preparation(arguments, complete=True),
        tensor=arguments.tensor,
        **common,
    )


def _is_torch(path: Path) -> bool:
    """Return whether a path is a run's folder, or a file that begins as torch's files do."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    # A zip archive, or the old form: a pickle of protocol 2 to 5.
    return start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


def _training() -> Any:
    """Import the part that reads torch's files."""
    from renzheng.errors import InvalidInput

    try:
        from renzheng.training import imports
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "weights of torch are read with torch, which is not installed",
            remedy="pip install 'renzheng[train]', or export the network as ONNX",
        ) from error
    return imports


def _preparation(arguments: argparse.Namespace, *, complete: bool) -> Any:
    """Return the preparation that the options declare, or, if need be, only its parts."""
    from dataclasses import replace

    from renzheng.errors import InvalidInput
    from renzheng.models.converters import presets

    given = {
        name: getattr(arguments, name)
        for name in ("template", "channels", "mean", "scale", "mirror")
        if getattr(arguments, name) is not None
    }
    if arguments.preset is not None:
        return replace(presets.get(arguments.preset), **given)
    if not complete:
        return given  # a backbone has a preparation of its own
    missing = [name for name in ("template", "channels", "mean", "scale") if name not in given]
    if not missing:
        return presets.Preparation(**given)
    if arguments.try_all:
        return replace(presets.get("insightface"), **given)
    raise InvalidInput(
        "the file does not say how a face is prepared for it, and "
        f"{', '.join(f'--{each}' for each in missing)} are not given",
        remedy=f"give --preset ({', '.join(presets.PRESETS)}) or these options; with --people and "
        "--try-all the search begins at insightface's",
    )


def _show(proved: Any, arguments: argparse.Namespace) -> None:
    from renzheng.models.converters.presets import Preparation

    pack, trial = proved.pack, proved.trial
    place = shlex.quote(str(arguments.output))
    following = f"renzheng calibrate --pack {place} --people PEOPLE -o {place}-calibrated"
    if arguments.json:
        options.print_json(
            {
                "pack": pack.to_dict(),
                "preparation": str(Preparation.of(pack.manifest)),
                "trial": None if trial is None else trial.to_dict(),
                "changed": proved.changed,
                "warnings": proved.warnings,
                "next": following,
            }
        )
        return
    print(f"{pack.name} ({pack.manifest['licence']}): {pack.folder}")
    side, dimension = pack.setting("input", "size"), pack.setting("embedding", "dimension")
    print(f"{dimension} numbers from {side} px: {pack.manifest['provenance']['conversion']}")
    if trial is not None:
        from renzheng.apps.reports.evaluation import preprocessing

        terminal.print_table(preprocessing.of_trial(trial))
    print(f"preparation: {Preparation.of(pack.manifest)}")
    if proved.changed:
        print(f"which clearly beats the declared one, {trial.declared.preparation}")
    sys.stdout.flush()
    for warning in proved.warnings:
        print(f"renzheng: warning: {warning}", file=sys.stderr)
    if trial is None:
        print("renzheng: --people FOLDER tries it", file=sys.stderr)
    elif trial.wins is not None and not proved.changed:
        print("renzheng: --try-all takes the better one", file=sys.stderr)
    for limit in pack.manifest["limits"]:
        if limit not in proved.warnings:
            print(f"limit: {limit}")
    print(f"next, so that it can decide: {following}")
