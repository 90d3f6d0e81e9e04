"""What the networks are given while a picture is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from renzheng.models.runtime import Call, Network, watched


@dataclass(frozen=True, eq=False)
class Recorded:
    """One call of a network.

    Attributes
    ----------
    network
        Which.
    batch
        What it was given.
    seconds
        How long it took.
    """

    network: Network
    batch: npt.NDArray[Any]
    seconds: float

    @property
    def name(self) -> str:
        """The network's file, without its suffix."""
        return name(self.network)


def name(network: Network) -> str:
    """What to call a network: its file, without its suffix."""
    return "<bytes>" if network.path is None else network.path.stem


def record(work: Callable[[], object]) -> list[Recorded]:
    """Do something and write down every call of a network on the way, from whatever thread."""
    found: list[Recorded] = []
    lock = threading.Lock()

    def tell(call: Call) -> None:
        with lock:
            found.append(Recorded(call.network, call.batch.copy(), call.seconds))

    with watched(tell):
        work()
    return found


def by_network(calls: Iterable[Recorded]) -> dict[str, list[Recorded]]:
    """The calls of each network, by its name, in the order of their first calls."""
    found: dict[str, list[Recorded]] = {}
    for call in calls:
        found.setdefault(call.name, []).append(call)
    return found
