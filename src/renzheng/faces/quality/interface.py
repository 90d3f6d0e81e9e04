"""What every measure of face image quality is: words for people, a native value, a component."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from renzheng.faces.quality.view import View

Role = Literal["live", "document"]


@dataclass(frozen=True, eq=False)
class Measure:
    """One measure of ISO/IEC 29794-5, or one of ours.

    Attributes
    ----------
    name
        The standard's name in snake_case where it has the measure, e.g. ``inter_eye_distance``.
    title
        What to call it before people.
    unit
        Of the native value, ready to stand behind the number: ``px``, ``°``, ``bit``; empty for a
        plain number or a share of 1.
    standard
        True where both the native value and its mapping follow the standard, computed from the
        same points and regions; False where one of them is an approximation of ours, which the
        measure's module describes.
    explanation
        What it says, in one sentence for people.
    live_remedy, document_remedy
        What to do where it is low, before a camera and with a document.
    value
        The native value of a view.
    component
        The quality component of a native value: 0 to 100, higher is better.
    """

    name: str
    title: str
    unit: str
    standard: bool
    explanation: str
    live_remedy: str
    document_remedy: str
    value: Callable[[View], float]
    component: Callable[[float], int]

    def remedy(self, role: Role) -> str:
        """What to do where the measure is low: ``live`` or ``document``."""
        return self.live_remedy if role == "live" else self.document_remedy


def sigmoid(value: float, centre: float, width: float) -> float:
    """The standard's logistic curve: 1/2 at `centre`, rising from 0 to 1 over a few `width`."""
    return 0.5 * (1 + math.tanh((value - centre) / (2 * width)))  # tanh, since exp overflows


def clamped(score: float) -> int:
    """A score as a quality component: rounded half up, 0 to 100."""
    return min(max(math.floor(score + 0.5), 0), 100)
