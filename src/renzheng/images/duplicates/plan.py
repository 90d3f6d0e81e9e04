"""The plan: a list of removable files for a person. It does nothing, and no program reads it."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

from renzheng._support import files
from renzheng.errors import InvalidInput
from renzheng.images.duplicates.results import Duplicates

NOTHING_DONE = (
    "Dry run: nothing was removed, moved or changed. Look at the pictures before you remove any."
)
_COLUMNS = ("remove", "keep", "kind", "reason", "bytes_freed")


def check(path: Path) -> None:
    """Check that a plan can be written to a file of this name.

    Raises
    ------
    InvalidInput
        If it ends in neither ``.csv`` nor ``.json``, or its folder is missing.
    """
    if path.suffix.lower() not in (".csv", ".json"):
        raise InvalidInput(
            "a plan is written as .csv or .json",
            source=str(path),
            remedy="give a name that ends in one of them",
        )
    files.check_place(path)


def save(found: Duplicates, path: Path) -> None:
    """Write the plan.

    Parameters
    ----------
    found
        The duplicates.
    path
        ``.csv``: a comment, a header, and a line for every file with the same bytes as one to keep.
        ``.json``: the same. Names that are not UTF-8 keep their bytes in CSV and are escaped in
        JSON.

    Raises
    ------
    InvalidInput
        If the path ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    check(path)
    rows = [
        {
            # Absolute paths mean the same anywhere, and no spreadsheet takes one for a formula.
            "remove": os.path.abspath(member.item.path),  # noqa: PTH100 - links are kept
            "keep": os.path.abspath(group.keep.path),  # noqa: PTH100
            "kind": member.relation.value,
            "reason": f"{member.reason}; the other is {group.why}",
            "bytes_freed": member.frees,
        }
        for group in found.groups
        for member in group.removable
    ]
    if path.suffix.lower() == ".json":
        plan = {"note": NOTHING_DONE, "bytes_freed": found.frees, "files": rows}
        # ASCII, since names may hold bytes that no encoding accepts
        files.write(path, json.dumps(plan, indent=1).encode("ascii"))
        return
    text = io.StringIO(newline="")
    text.write(f"# {NOTHING_DONE}\r\n")
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    files.write(path, text.getvalue().encode("utf-8", "surrogateescape"))
