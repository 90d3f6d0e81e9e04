"""The machines that do the work: reached, and found to be alike."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from renzheng._support.cpu import cores
from renzheng.apps.batch.conditions import conditions
from renzheng.errors import InvalidInput, PackError, RenzhengError
from renzheng.models import packs
from renzheng.verification.config import VerifierConfig

_PATIENCE = 10.0  # seconds for an address to answer at all
_START = 300.0  # seconds for a node to start a process and, the first time, to build the packs


class Cluster:
    """Ray, started here or reached; to be used in a ``with``, which lets go of it at the end.

    Where this process has reached Ray already (``ray.init``), that is taken, and left as it is.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a cluster that this machine is a part of, or ``auto`` for the one that runs
        here; None starts one of this machine alone, which ends with the run.
    workers
        Processes that work on pictures, one core each; None takes all cores.

    Attributes
    ----------
    workers
        How many there will be.

    Raises
    ------
    RenzhengError
        If Ray is not installed, or the cluster cannot be reached.
    InvalidInput
        If the address is none.
    """

    def __init__(self, address: str | None = None, workers: int | None = None):
        if address is not None:
            _check_address(address)
        ray = require()
        self._ray, self._ours = ray, not ray.is_initialized()
        if self._ours:
            self._reach(address, workers)
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < 1:
            self.close()
            raise RenzhengError(
                "the cluster has no cores to work with", remedy="add a node: ray start --address"
            )
        self.workers = min(workers or cores, cores)

    def _reach(self, address: str | None, workers: int | None) -> None:
        # What Ray tells its authors is for who runs a cluster to decide, and this one is ours.
        if address is None:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # What its C++ part writes to standard error is told by its exceptions as well.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            options |= {"num_cpus": workers or cores(), "include_dashboard": False}
        else:
            options |= {"address": address}
        try:
            self._ray.init(**options)
        # Ray ends the process (SystemExit) where a port is open and no cluster behind it.
        except (Exception, SystemExit) as error:
            raise _unreachable(address, str(error)) from error

    def check(self, settings: VerifierConfig) -> VerifierConfig:
        """Make sure that every node would give the same answers as this machine.

        The packs are made from installed packages on each node, once, into its own
        ``RENZHENG_CACHE``; nothing is copied from here.

        Returns
        -------
        VerifierConfig
            The same, by names that every node has.

        Raises
        ------
        RenzhengError
            If a node lacks renzheng or a pack, or its renzheng, packs or policy are others.
        """
        ray, everywhere = self._ray, portable(settings)
        wanted = conditions(everywhere.verifier())
        look = ray.remote(num_cpus=0, max_retries=1)(inspect)
        asked = {}
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1:
                place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                )
                answer = look.options(scheduling_strategy=place).remote(everywhere)
                asked[answer] = f"node {node['NodeManagerAddress']}"
        for answer, name in asked.items():
            try:
                found = ray.get(answer, timeout=_START)
            except ray.exceptions.GetTimeoutError as error:
                raise RenzhengError(
                    f"it did not answer within {_START:.0f} s", source=name
                ) from error
            except Exception as error:
                raise failure(error, name) from error
            require_same(wanted, found, name)
        return everywhere

    def close(self) -> None:
        """Let go; a cluster that was started here ends."""
        if self._ours:
            self._ray.shutdown()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def require() -> Any:
    """The module ``ray``, with what is needed of it.

    Raises
    ------
    RenzhengError
        If it is not installed.
    """
    try:
        import ray
        import ray.data
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise RenzhengError(
            f"--engine ray needs Ray, which is not installed here ({error})",
            remedy="pip install 'renzheng[ray]'",
        ) from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    return ray


def inspect(settings: VerifierConfig) -> dict[str, str]:
    """What results would depend on, where this is called; builds packs that are not there yet."""
    return conditions(settings.verifier())


def portable(settings: VerifierConfig) -> VerifierConfig:
    """Packs that renzheng can build are named instead of the folders where they lie here."""
    known = {str(packs.location(name)): name for name in packs.names()}
    return replace(
        settings,
        pack=known.get(settings.pack, settings.pack),
        detector=known.get(settings.detector, settings.detector),
        liveness=None
        if settings.liveness is None
        else known.get(settings.liveness, settings.liveness),
    )


def require_same(wanted: Mapping[str, str], found: Mapping[str, str], name: str) -> None:
    """Make sure that a node gives the answers that this machine would give.

    Raises
    ------
    RenzhengError
        If it has another renzheng or other packs.
    """
    other = [
        f"{what} ({found.get(what, 'none')}, here {here})"
        for what, here in wanted.items()
        if found.get(what) != here
    ]
    if other:
        raise RenzhengError(
            f"it has another {'; another '.join(other)}",
            source=name,
            remedy="install the same renzheng on every node, with the same packs",
        )


def failure(error: BaseException, name: str | None = None) -> RenzhengError:
    """An error of Ray's in words; one of ours that was raised elsewhere stays itself."""
    ray = require()
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = getattr(at, "cause", None) or at.__cause__
    for each in chain:
        if isinstance(each, PackError) and name is not None:
            return RenzhengError(
                str(each),
                source=name,
                remedy="the packs must be on every node, or be buildable there: set RENZHENG_CACHE "
                "on each and run `renzheng packs build`",
            )
        if isinstance(each, RenzhengError):
            return each
    text = str(error)
    if "No module named 'renzheng" in text:
        return RenzhengError(
            "renzheng is not installed there",
            source=name or "a node",
            remedy="pip install 'renzheng[ray]' in the environment that Ray runs in, on every node",
        )
    died = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)
    if any(isinstance(each, (*died, ray.exceptions.OutOfMemoryError)) for each in chain):
        return RenzhengError(
            "a process that reads pictures died, again and again",
            source=name,
            remedy="perhaps memory ran out: take fewer --workers, and --resume",
        )
    # What was raised elsewhere is told in the text of what is raised here.
    raised = re.findall(r"^(?!ray\.)[\w.]+(?:Error|Exception): .+$", text, re.MULTILINE)
    lines = [*raised, *(line for line in text.splitlines() if line.strip())]
    return RenzhengError(f"Ray failed: {lines[0] if lines else type(error).__name__}", source=name)


def _check_address(address: str) -> None:
    if address == "auto":
        return
    if "://" in address:
        raise InvalidInput(
            f"a cluster's address is HOST:PORT or auto, not {address!r}",
            remedy="run it on a node of the cluster: ray job submit -- renzheng batch ...",
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidInput(f"a cluster's address is HOST:PORT or auto, not {address!r}")
    try:
        # Ray itself would try for more than a minute.
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str | None, told: str) -> RenzhengError:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    reason = lines[0] if lines and not lines[0].isdigit() else "no cluster answers there"
    if address is None:
        return RenzhengError(f"Ray cannot be started here: {reason}")
    return RenzhengError(
        f"the cluster cannot be reached: {reason}",
        source=address,
        remedy="start it with `ray start --head`, join it from this machine with `ray start "
        "--address HOST:PORT`, and name it; where it asks for a token, RAY_AUTH_MODE=token",
    )
