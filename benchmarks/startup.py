"""How long a process takes that compares two 640 x 480 photos, against its floor and a peer.

The floor is a process that only imports numpy, cv2 and onnxruntime; the peer one that does it with
facenet-pytorch's cascade and network in torch, if that is installed (its network has no weights
here: they would have to be fetched, and it takes as long untrained). All are started in turn, so
that whatever else the machine does hits all alike; medians and ratios are printed. Python must be
allowed to keep compiled modules, as pip does: unset PYTHONDONTWRITEBYTECODE in a checkout.

    python benchmarks/startup.py [PHOTO PHOTO] [--runs 15]

Without photos it uses scikit-image's public-domain portrait. Linux and macOS only (os.wait4).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from PIL import Image as Pillow

FLOOR = [sys.executable, "-c", "import numpy, cv2, onnxruntime"]
PEER = """
import sys
sys.path.insert(0, BENCHMARKS)
import cv2, numpy, torch
from detection import peer
detect = peer()
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models.utils.detect_face import extract_face
network = InceptionResnetV1(classify=False).eval()
crops = []
for path in sys.argv[1:]:
    picture = cv2.imread(path)[:, :, ::-1].copy()
    x1, y1, x2, y2 = (int(v) for v in detect(picture)[0][0])
    face = cv2.resize(picture[max(y1, 0):y2, max(x1, 0):x2], (160, 160))
    crops.append(torch.from_numpy(face).permute(2, 0, 1).float() / 128 - 1)
with torch.inference_mode():
    first, second = network(torch.stack(crops))
print(float((first - second).norm()))
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds of wall time and MiB of peak memory of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{command} failed with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit / 2**20


def photo(path: Path | None, folder: Path, name: str) -> str:
    """The picture at 640 x 480 as a JPEG."""
    if path is None:
        from skimage import data

        picture = Pillow.fromarray(data.astronaut()).resize((480, 480))
    else:
        picture = Pillow.open(path).convert("RGB")
        picture.thumbnail((640, 480))
    canvas = Pillow.new("RGB", (640, 480), "grey")
    canvas.paste(picture, ((640 - picture.width) // 2, (480 - picture.height) // 2))
    canvas.save(folder / name, quality=90)
    return str(folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    paths = [*arguments.photos, None, None][:2]
    with tempfile.TemporaryDirectory() as folder:
        pair = [photo(path, Path(folder), f"{i}.jpg") for i, path in enumerate(paths)]
        verify = [sys.executable, "-m", "renzheng", "verify", *pair]
        commands = {
            "import numpy, cv2, onnxruntime": FLOOR,
            "renzheng verify --roles photo,photo": [*verify, "--roles", "photo,photo"],
            "renzheng verify": verify,
        }
        if find_spec("facenet_pytorch"):
            here = repr(str(Path(__file__).resolve().parent))
            code = PEER.replace("BENCHMARKS", here)
            commands["facenet-pytorch on torch"] = [sys.executable, "-c", code, *pair]
        for command in commands.values():
            measure(command)  # builds the packs, warms the file cache
        runs = [
            {name: measure(command) for name, command in commands.items()}
            for _ in range(arguments.runs)
        ]
    floor = statistics.median(run["import numpy, cv2, onnxruntime"][0] for run in runs)
    print(f"{'process':<38}{'median s':>10}{'peak MiB':>10}{'of floor':>10}")
    for name in commands:
        seconds, mib = (statistics.median(run[name][i] for run in runs) for i in (0, 1))
        print(f"{name:<38}{seconds:>10.3f}{mib:>10.0f}{seconds / floor:>9.2f}x")
    print(f"{arguments.runs} interleaved runs")


if __name__ == "__main__":
    main()
