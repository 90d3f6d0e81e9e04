"""The page of an evaluation, with the same as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renzheng._support import files
from renzheng.apps.reports import pages
from renzheng.apps.reports.evaluation.tables import Table


@dataclass(frozen=True)
class Plot:
    """A plot with its title.

    Attributes
    ----------
    title
        Heading above the plot.
    svg
        One SVG element.
    half
        Whether the plot takes half of the page's width.
    """

    title: str
    svg: str
    half: bool = False


@dataclass(frozen=True)
class Example:
    """A comparison shown as pictures.

    Attributes
    ----------
    faces
        Names and ``data:`` addresses of the pictures compared.
    caption
        Text below them.
    """

    faces: Sequence[tuple[str, str]]
    caption: str


@dataclass(frozen=True)
class Examples:
    """Examples under one title."""

    title: str
    examples: Sequence[Example]


Section = Table | Plot | Examples | tuple[Plot, ...]  # plots in a tuple stand side by side


def save(
    path: Path,
    *,
    title: str,
    headline: str,
    sections: Sequence[Section],
    provenance: Mapping[str, Any],
    command: str,
    data: Mapping[str, Any],
) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Parameters
    ----------
    path
        Ends in ``.html``.
    title, headline
        The study's name, and a sentence on its pack and its data.
    sections
        Tables, plots and pictures, in the page's order.
    provenance
        Pack, data and settings behind the study; its ``limits`` become a section of their own.
    command
        The command line, for whoever wants to make the page again.
    data
        Plain values of the JSON file.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    rows = [("command", command)]
    for name, value in provenance.items():
        if name != "limits":
            if isinstance(value, Mapping):
                value = ", ".join(str(part) for part in value.values())
            rows.append((name.replace("_", " "), "-" if value is None else str(value)))
    pages.save(
        path,
        "evaluation",
        title=f"{title} · renzheng",
        kicker="renzheng evaluation",
        headline=title,
        reason=headline,
        sections=sections,
        limits=provenance.get("limits") or (),
        provenance=rows,
    )
    text = json.dumps(data, indent=1, ensure_ascii=False)
    files.write(path.with_suffix(".json"), text.encode("utf-8"))
