"""``packs`` and ``doctor``: what is installed here, and does it work?"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

from renzheng._support.cpu import cores
from renzheng.apps.cli import FAILURE, options, quantisation
from renzheng.errors import RenzhengError

_LIBRARIES = (
    "renzheng",
    "numpy",
    "onnxruntime",
    "openvino",
    "onnx",
    "opencv-python-headless",
    "Pillow",
)

_ADD = """\
Fetch the files that a pack is made of from its authors' repository, check their digests, and build
the pack. Nothing else in renzheng fetches anything, and no picture leaves this machine. Where there
is no network, fetch the files elsewhere (`renzheng packs show PACK` names address and digests) and
say with --from where they lie.
"""

_FEATURES = """\
Make a pack of picture features of an ONNX network of your own, for `renzheng similar --features`.

The classifier is cut off: by default the features are what the last matrix product (Gemm or MatMul)
is fed with, averaged over the area where that is a map; --tensor cuts elsewhere. The network must
have one input, float (n, 3, side, side). Mean and scale are ImageNet's unless you say otherwise.
"""


def register(commands: Any) -> None:
    """Add the commands of this module."""
    packs = commands.add_parser(
        "packs",
        help="list, show, build and add the networks",
        description="A pack is a network with its manifest, digests, licence and provenance.",
    )
    actions = packs.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the packs that there are")
    options.add_json(listing)
    listing.set_defaults(run=_list)

    show = actions.add_parser("show", help="one pack: licence, provenance, limits, files")
    show.add_argument("name", metavar="PACK")
    options.add_json(show)
    show.set_defaults(run=_show)

    build = actions.add_parser(
        "build", help="build packs into the cache (done on first use otherwise)"
    )
    build.add_argument(
        "names", nargs="*", metavar="PACK", help="default: all whose weights are here"
    )
    build.set_defaults(run=_build)

    add = actions.add_parser(
        "add",
        help="obtain the weights of a pack from its authors, or take them from a folder",
        description=_ADD,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("name", metavar="PACK", help="minifasnet, sface")
    add.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="take the files from this folder (or beside this file) and fetch nothing",
    )
    add.set_defaults(run=_add)

    _register_features(actions)
    quantisation.register(actions)

    doctor = commands.add_parser(
        "doctor",
        help="versions, packs, backend and a self-check",
        description="Say what is installed, load the packs and check that the networks compute.",
    )
    options.add_json(doctor)
    doctor.set_defaults(run=_doctor)


def _register_features(actions: Any) -> None:
    features = actions.add_parser(
        "features",
        help="make a pack of picture features of an ONNX network",
        description=_FEATURES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: renzheng packs features resnet50.onnx -o resnet50-features",
    )
    features.add_argument("model", type=Path, metavar="MODEL.onnx")
    features.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="where the pack goes"
    )
    features.add_argument(
        "--size", type=int, metavar="PX", help="side of the pictures, where the network takes any"
    )
    features.add_argument(
        "--channels", choices=("RGB", "BGR"), default="RGB", help="their order (default: RGB)"
    )
    features.add_argument(
        "--mean",
        type=_numbers,
        metavar="N[,N,N]",
        help="subtracted from each channel of 0 to 255 (default: 123.675,116.28,103.53)",
    )
    features.add_argument(
        "--scale",
        type=_numbers,
        metavar="N[,N,N]",
        help="multiplies the difference (default: 0.017125,0.017507,0.017429; a network that takes "
        "0 to 1 wants --mean 0 --scale 0.0039216)",
    )
    features.add_argument(
        "--tensor", metavar="NAME", help="cut here (default: before the last matrix product)"
    )
    features.add_argument(
        "--threshold",
        type=float,
        metavar="DISTANCE",
        help="up to which two pictures count as look-alikes, if you measured it (default: none, "
        "and no decision)",
    )
    features.add_argument("--name", help="of the pack (default: the file's)")
    features.add_argument("--licence", default="unknown", help="of the weights (default: unknown)")
    features.set_defaults(run=_features)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not one or three numbers: {text!r}") from None


def _features(arguments: argparse.Namespace) -> int:
    from renzheng.models.converters import features as features_source

    given = {"mean": arguments.mean, "scale": arguments.scale}
    pack = features_source.add(
        arguments.model,
        arguments.out,
        size=arguments.size,
        channels=arguments.channels,
        tensor=arguments.tensor,
        threshold=arguments.threshold,
        name=arguments.name,
        licence=arguments.licence,
        **{name: numbers for name, numbers in given.items() if numbers is not None},
    )
    said = pack.manifest["features"]
    print(f"{pack.name} ({pack.manifest['licence']}): {pack.folder}")
    print(f"{said['dimension']} features of {pack.setting('input', 'size')} px: {said['layer']}")
    if "threshold" not in said:
        print("no threshold is measured for this pack: its distances decide nothing")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    rows = []
    for name in packs.names():
        definition = packs.definition(name)
        state = packs.state(name)
        rows.append(
            {
                "name": name,
                "version": definition["version"],
                "kind": definition["kind"],
                "licence": definition["licence"],
                "built": state is packs.State.BUILT,
                "state": str(state),
                "add": packs.source(name).remedy(name) if _how_to_add(name, state) else None,
                "description": definition["description"],
            }
        )
    if arguments.json:
        options.print_json(rows)
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("name", "version", "kind", "licence", "built", "description")
        for row in rows:
            built = "yes" if row["built"] else "no"
            words = {**row, "built": _how_to_add(row["name"], row["state"]) or built}
            del words["add"], words["state"]
            table.add_row(*map(str, words.values()))
        Console().print(table)
    return 0


def _how_to_add(name: str, state: str) -> str:
    """Return what to do about a pack that cannot be built; empty for others."""
    from renzheng.models import packs

    words = {"absent": "not there", "damaged": "damaged; add it again"}.get(state)
    return f"{words}: {packs.source(name).remedy(name)}" if words else ""


def _show(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    known = arguments.name in packs.names()
    missing = _how_to_add(arguments.name, packs.state(arguments.name)) if known else ""
    if missing:
        # Its terms and limits should be read before it is fetched.
        facts = packs.definition(arguments.name)
        facts["add"] = missing
    else:
        facts = packs.load(arguments.name).to_dict()
    if arguments.json:
        options.print_json(facts)
        return 0
    for key, value in facts.items():
        if isinstance(value, dict):
            print(f"[{key}]")
            for name, entry in value.items():
                if isinstance(entry, list) and entry and isinstance(entry[0], dict):
                    print(f"  {name}:")
                    for row in entry:
                        print("    " + ", ".join(f"{key} {cell}" for key, cell in row.items()))
                else:
                    print(f"  {name}: {entry}")
        elif isinstance(value, list):
            print(f"{key}:")
            for entry in value:
                print(f"  - {entry}")
        else:
            print(f"{key}: {value}")
    return 0


def _build(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    here = [name for name in packs.names() if not packs.must_be_added(name)]
    for name in arguments.names or here:
        pack = packs.build(name)
        print(f"{pack.name} {pack.version}: {pack.folder}")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    pack = packs.add(arguments.name, arguments.source)
    print(f"{pack.name} {pack.version} ({pack.manifest['licence']}): {pack.folder}")
    for limit in pack.manifest["limits"]:
        print(f"limit: {limit}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from importlib import metadata

    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
    }
    for library in _LIBRARIES:
        try:
            facts[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            facts[library] = "not installed"
    checks = {}
    for name, check in (("packs", _check_packs), ("networks", _check_networks)):
        try:
            checks[name] = check()
        except RenzhengError as error:
            checks[name] = f"FAILED: {error}"
    healthy = not any(outcome.startswith("FAILED") for outcome in checks.values())
    if arguments.json:
        options.print_json({**facts, "checks": checks, "healthy": healthy})
    else:
        for fact, value in facts.items():
            print(f"{fact:<24}{value}")
        for check_name, outcome in checks.items():
            print(f"{check_name:<24}{outcome}")
        print("all is well" if healthy else "something is wrong: see FAILED above")
        print("how fast it is here, and what to set: renzheng bench")
    return 0 if healthy else FAILURE


def _check_packs() -> str:
    from renzheng.models import packs

    found = []
    for name in packs.names():
        if packs.state(name) is packs.State.ABSENT:
            found.append(f"{name} not added")
        else:
            pack = packs.load(name)
            found.append(f"{pack.name} {pack.version} ({pack.digest[:12]})")
    return ", ".join(found)


def _check_networks() -> str:
    import numpy as np

    from renzheng.verification.verifier import Verifier

    verifier = Verifier()
    size = verifier.pack.setting("input", "size")
    ramp = np.linspace(0, 255, size * size * 3).reshape(1, size, size, 3).astype(np.uint8)
    first, second = (verifier.embed_crops(ramp) for _ in range(2))
    if not np.isfinite(first).all() or abs(float(np.linalg.norm(first)) - 1) > 1e-5:
        raise RenzhengError("the embedding network gives no unit vector")
    if not np.array_equal(first, second):
        raise RenzhengError("the embedding network gives another answer the second time")
    if verifier.detect(np.zeros((120, 160, 3), np.uint8)):
        raise RenzhengError("the detector sees a face in a black picture")
    return f"{verifier.backend} on the processor; detection and embedding compute and repeat"
