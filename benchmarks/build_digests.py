"""The digests of the networks that a build of each pack writes, held against the known ones.

    python benchmarks/build_digests.py [--antispoof FOLDER] [--write]

Run it with the oldest and the newest versions of onnx and numpy: a build must write the same bytes
with all of them, since a pack of the cache is believed by these digests. ``--write`` replaces the
known digests by the found ones, where a converter was changed on purpose.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--antispoof", type=Path, help="folder of minifasnet's weights")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["RENZHENG_CACHE"] = cache
        from renzheng import PackError
        from renzheng.models import packs
        from renzheng.models.packs import digests

        found = {}
        for name in packs.names():
            given = arguments.antispoof if name == "minifasnet" else None
            try:
                pack = packs.add(name, given) if given else packs.build(name)
            except PackError as error:
                print(f"{name}: not built: {error}")
                continue
            shipped = {path.name for path in (digests.DEFINITIONS / name).iterdir()}
            files = pack.manifest["files"].items()
            found[name] = {file: digest for file, digest in files if file not in shipped}
    versions = ", ".join(f"{each} {version(each)}" for each in ("onnx", "numpy", "protobuf"))
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}")
    known = digests.known()
    for name, files in found.items():
        for file, digest in files.items():
            same = known.get(name, {}).get(file) == digest
            print(f"{name:14} {file:22} {digest[:12]} {'as known' if same else 'ANOTHER'}")
    if arguments.write:
        text = json.dumps({**known, **found}, indent=1, sort_keys=True)
        (digests.DEFINITIONS / "digests.json").write_text(f"{text}\n", encoding="utf-8")
    return 0 if all(known.get(name) == files for name, files in found.items()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
