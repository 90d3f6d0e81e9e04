"""The interface of a quality measure: words for people, a native value, a quality component."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from renzheng.faces.quality.view import View

Role = Literal["live", "document"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Measure:
    """A quality measure of ISO/IEC 29794-5, or one of ours.

    Attributes
    ----------
    name
        The standard's name in snake_case if it has the measure, e.g. ``inter_eye_distance``.
    title
        The name that people see.
    explanation
        The meaning of the value, in one sentence for people.
    live_remedy, document_remedy
        Advice for a low value, with a camera and with a document.
    value
        Computes the native value from a view.
    component
        Maps a native value to the quality component: 0 to 100, higher is better.
    unit
        The unit of the native value as it follows the number: ``px``, ``°``, ``bit``; empty for a
        plain number or a share of 1.
    standard
        True if both the native value and its mapping follow the standard, computed from the same
        points and regions; False if one of them is an approximation of ours, which the measure's
        module describes.
    """

    name: str
    title: str
    explanation: str
    live_remedy: str
    document_remedy: str
    value: Callable[[View], float]
    component: Callable[[float], int]
    unit: str = ""
    standard: bool = False

    def remedy(self, role: Role) -> str:
        """Return the advice for a low value: ``live`` or ``document``."""
        return self.live_remedy if role == "live" else self.document_remedy


def sigmoid(value: float, centre: float, width: float) -> float:
    """Return the standard's logistic curve: 1/2 at `centre`, rising over a few `width`."""
    return 0.5 * (1 + math.tanh((value - centre) / (2 * width)))  # tanh, since exp overflows


def clamped(score: float) -> int:
    """Return a score as a quality component: rounded half up, 0 to 100."""
    return min(max(math.floor(score + 0.5), 0), 100)
