"""How long a process takes that compares two 640 x 480 photos, against its floor.

The floor is a process that only imports numpy, cv2 and onnxruntime. Both are started in turn, so
that whatever else the machine does hits both alike; medians and their ratio are printed.

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
from pathlib import Path

from PIL import Image as Pillow

FLOOR = [sys.executable, "-c", "import numpy, cv2, onnxruntime"]


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
        measure(verify)  # builds the packs, warms the file cache
        measure(FLOOR)
        runs = [(measure(FLOOR), measure(verify)) for _ in range(arguments.runs)]
    floor_s, verify_s = (statistics.median(run[i][0] for run in runs) for i in (0, 1))
    floor_mib, verify_mib = (statistics.median(run[i][1] for run in runs) for i in (0, 1))
    print(f"{'process':<36}{'median s':>10}{'peak MiB':>10}")
    print(f"{'import numpy, cv2, onnxruntime':<36}{floor_s:>10.3f}{floor_mib:>10.0f}")
    print(f"{'renzheng verify, two 640 x 480':<36}{verify_s:>10.3f}{verify_mib:>10.0f}")
    print(f"ratio {verify_s / floor_s:.2f} ({arguments.runs} interleaved runs)")


if __name__ == "__main__":
    main()
