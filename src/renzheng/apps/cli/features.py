"""``packs features``: a pack of picture features from a network of your own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options

_FEATURES = """\
Make a pack of picture features from an ONNX network of your own, for `renzheng similar --features`.

The classifier is cut off: by default the features are the input of the last matrix product (Gemm or
MatMul), averaged over the area if it is a map; --tensor cuts elsewhere. The network must have one
input, float (n, 3, side, side). Mean and scale are those of ImageNet by default.
"""


def register(actions: Any) -> None:
    """Add this action to ``packs``."""
    features = options.add_command(
        actions,
        "features",
        "make a pack of picture features from an ONNX network",
        _FEATURES,
        "example: renzheng packs features resnet50.onnx -o resnet50-features",
    )
    features.add_argument("model", type=Path, metavar="MODEL.onnx")
    features.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder to write the pack to",
    )
    features.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help="side of the pictures, for a network that takes any size",
    )
    features.add_argument(
        "--channels",
        choices=("RGB", "BGR"),
        default="RGB",
        help="order of the channels (default: RGB)",
    )
    features.add_argument(
        "--mean",
        type=numbers,
        metavar="N[,N,N]",
        help="mean to subtract from each channel, 0 to 255 (default: 123.675,116.28,103.53)",
    )
    features.add_argument(
        "--scale",
        type=numbers,
        metavar="N[,N,N]",
        help="factor of the difference (default: 0.017125,0.017507,0.017429; for a network that "
        "takes 0 to 1: --mean 0 --scale 0.0039216)",
    )
    features.add_argument(
        "--tensor",
        metavar="NAME",
        help="tensor to cut at (default: before the last matrix product)",
    )
    features.add_argument(
        "--threshold",
        type=float,
        metavar="DISTANCE",
        help="up to which two pictures count as look-alikes, if you measured it (default: none, "
        "and no decision)",
    )
    features.add_argument("--name", help="name of the pack (default: the file's)")
    features.add_argument(
        "--licence", default="unknown", help="licence of the weights (default: unknown)"
    )
    features.set_defaults(run=_features)


def numbers(text: str) -> tuple[float, ...]:
    """Parse numbers that are separated by commas.

    Raises
    ------
    argparse.ArgumentTypeError
        If they are none.
    """
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not one or three numbers: {text!r}") from None


def _features(arguments: argparse.Namespace) -> int:
    from renzheng.models.converters import features

    given = {"mean": arguments.mean, "scale": arguments.scale}
    pack = features.add(
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
