"""Common parts of the plots: one SVG each, in the page's colours, light or dark."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from renzheng.errors import RenzhengError

# Placeholders of the page's colours, which a style sheet chooses; replaced in the finished SVG.
INK, SOFT, LINE, GENUINE, IMPOSTOR, ZONE = (f"#0{n}0{n}0{n}" for n in range(1, 7))
_VARIABLES = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    GENUINE: "--genuine",
    IMPOSTOR: "--impostor",
    ZONE: "--zone",
}


def check_available() -> None:
    """Make sure that plots can be drawn, before hours of work.

    Raises
    ------
    RenzhengError
        If matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise RenzhengError(
            "a report needs matplotlib", remedy="pip install 'renzheng[report]'"
        ) from error


def figure(
    draw: Callable[..., None],
    salt: str,
    *,
    square: bool = False,
    panels: int = 1,
    height: float = 3.4,
) -> str:
    """Draw one SVG element; `draw` gets as many axes as there are panels."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {
        "svg.fonttype": "none",  # text stays text: it can be read, searched and copied
        "svg.hashsalt": salt,  # the same figure gives the same file, and no two share an id
        "font.family": "sans-serif",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": SOFT,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "text.color": INK,
    }
    with mpl.rc_context(settings):
        drawn = Figure(figsize=(4.9, 4.5) if square else (9.2, height), layout="constrained")
        FigureCanvasSVG(drawn)
        draw(*drawn.subplots(1, panels, squeeze=False)[0])
        target = io.StringIO()
        drawn.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def colour_of(k: int, count: int) -> Any:
    """Choose the page's own colour for one curve, else from a scale that is even to the eye."""
    if count == 1:
        return GENUINE
    from matplotlib import colormaps

    return colormaps["viridis"](0.05 + 0.85 * k / (count - 1))


def legend(axes: Any) -> None:
    """Name the curves that have a label; matplotlib warns if none has."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=INK, fontsize=10)


def say_too_few(axes: Any) -> None:
    """Say in the axes that there is too little data to draw."""
    axes.text(0.5, 0.5, "too few comparisons", transform=axes.transAxes, color=SOFT, ha="center")


def finish(axes: Any, x: str, y: str) -> None:
    """Add a grid and the names of the axes."""
    axes.grid(color=LINE, lw=0.6)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
