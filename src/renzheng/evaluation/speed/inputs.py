"""The calls of the networks while a picture is processed, recorded with their inputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from renzheng.models.runtime import Call, Network, watch_calls


@dataclass(frozen=True, eq=False)
class Recorded:
    """One call of a network.

    Attributes
    ----------
    network
        The network.
    batch
        Its input.
    seconds
        The time that the call took.
    """

    network: Network
    batch: npt.NDArray[Any]
    seconds: float

    @property
    def name(self) -> str:
        """The network's file, without the suffix."""
        return name(self.network)


def name(network: Network) -> str:
    """Return the name of a network: its file, without the suffix."""
    return "<bytes>" if network.path is None else network.path.stem


def record(work: Callable[[], object]) -> list[Recorded]:
    """Do some work and record every network call during it, from any thread."""
    found: list[Recorded] = []
    lock = threading.Lock()

    def tell(call: Call) -> None:
        with lock:
            found.append(Recorded(call.network, call.batch.copy(), call.seconds))

    with watch_calls(tell):
        work()
    return found


def by_network(calls: Iterable[Recorded]) -> dict[str, list[Recorded]]:
    """Group calls by the name of the network, in the order of the first calls."""
    found: dict[str, list[Recorded]] = {}
    for call in calls:
        found.setdefault(call.name, []).append(call)
    return found
