"""All results of the default pack in one file, and the documents that quote it.

    python benchmarks/results.py --assets ASSETS --workers 2      # measure what is missing or stale
    python benchmarks/results.py --write-docs                     # quote it

Sections that are there are kept and redone only where the pack's network or calibration, the
detector, DETECTION_REVISION or SEARCH_REVISION is another, or with --redo. An interrupted run goes
on with the next section that is missing, and embeddings are kept by the evaluator. Documents quote
the file between comments (`results_quoting.py`), and a test holds them to it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import renzheng
import results_measuring as measuring
import results_quoting as quoting
from renzheng._support import files
from renzheng.apps.cli.terminal import progress
from renzheng.errors import RenzhengError

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"


def read(path: Path) -> dict[str, Any]:
    """The results so far."""
    if not path.exists():
        return {"sections": {}}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(path: Path, results: dict[str, Any]) -> None:
    """Keep them, whole or not at all."""
    sections = results["sections"]
    ordered = {name: sections[name] for name in measuring.SECTIONS if name in sections}
    text = json.dumps({"sections": ordered}, indent=1, ensure_ascii=False, allow_nan=False)
    # an estimate to a line
    text = re.sub(r"\{[^{}\[\]]{,120}\}", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)
    files.write(path, f"{text}\n".encode())


def chosen(only: str | None) -> list[str]:
    """The sections that are asked for: `lfw` means lfw-view-2 and lfw-all."""
    if only is None:
        return list(measuring.SECTIONS)
    found: list[str] = []
    for word in only.split(","):
        some = [n for n in measuring.SECTIONS if n == word or n.startswith(f"{word}-")]
        if not some:
            raise SystemExit(f"no section {word!r}; there are: {', '.join(measuring.SECTIONS)}")
        found += [name for name in some if name not in found]
    return found


def run(bench: measuring.Bench, names: Sequence[str], out: Path, *, redo: bool) -> bool:
    """Measure these sections, keeping each as it is done; whether all of them could be."""
    results = read(out)
    well = True
    for name in names:
        section = measuring.SECTIONS[name]
        now = measuring.state(section)
        kept = results["sections"].get(name)
        if kept is not None and not redo and not measuring.is_stale(kept, now):
            print(f"{name}: kept, of {kept['date']}", file=sys.stderr)
            continue
        print(f"{name}: measuring", file=sys.stderr, flush=True)
        begun = time.monotonic()
        try:
            values = section.measure(bench)
        except (RenzhengError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            well = False
            continue
        results["sections"][name] = {
            "title": section.title,
            "commands": list(section.commands),
            **now,
            "renzheng": renzheng.__version__,
            "draws": bench.draws,  # None: the section's own
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "values": measuring.plain(values),
        }
        write(out, results)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return well


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, metavar="ASSETS", help="the folder of real faces")
    parser.add_argument(
        "--only", metavar="NAME,...", help=f"of {', '.join(measuring.SECTIONS)} (default: all)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--cache", type=Path, default=None, metavar="FILE", help="of embeddings")
    parser.add_argument(
        "--draws", type=int, metavar="N", help="bootstrap replicates, fewer to try the code"
    )
    parser.add_argument("--redo", action="store_true", help="measure what is there as well")
    parser.add_argument(
        "--write-docs", action="store_true", help="then write what documents quote, in place"
    )
    arguments = parser.parse_args()
    if arguments.assets is None and not arguments.write_docs:
        parser.error("--assets to measure, or --write-docs to quote, or both")
    well = True
    if arguments.assets is not None:
        from renzheng.evaluation.cache import default_path

        with progress() as tell:
            bench = measuring.Bench(
                arguments.assets,
                arguments.cache or default_path(),
                arguments.workers,
                arguments.draws,
                tell,
            )
            try:
                well = run(bench, chosen(arguments.only), arguments.out, redo=arguments.redo)
            except KeyboardInterrupt:
                print("what is done is kept; the same command goes on", file=sys.stderr)
                return 130
    if arguments.write_docs:
        try:
            missing = quoting.write_documents(HERE.parent, read(arguments.out))
        except quoting.MisquotedError as error:
            print(error, file=sys.stderr)
            return 1
        for each in missing:
            print(f"not measured yet: {each}", file=sys.stderr)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
