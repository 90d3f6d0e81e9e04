"""The machines of a Ray cluster: how they are reached, and checked to give the same answers."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from renzheng._support.cpu import cores
from renzheng.apps.batch.conditions import conditions
from renzheng.errors import InvalidInput, PackError, RenzhengError
from renzheng.models import packs
from renzheng.verification.config import VerifierConfig

_ANSWER = 10.0  # seconds for an address to answer at all
_START = 300.0  # seconds for a node to start a process and, the first time, to build the packs


class Cluster:
    """A Ray cluster, started here or connected to; a ``with`` statement disconnects at its end.

    If this process is already connected (``ray.init``), that connection is used and kept.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a cluster that this machine is a part of, or ``auto`` for the one that runs
        here; None starts one on this machine alone, which ends with the run.
    workers
        The number of processes that work on pictures, one core each; None uses all cores.

    Attributes
    ----------
    workers
        The number of processes that there will be.

    Raises
    ------
    RenzhengError
        If Ray is not installed, or the cluster cannot be reached.
    InvalidInput
        If the address is malformed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None):
        if address is not None:
            _check_address(address)
        ray = require()
        self._ray, self._ours = ray, not ray.is_initialized()
        if self._ours:
            self._connect(address, workers)
        available = int(ray.cluster_resources().get("CPU", 0))
        if available < 1:
            self.close()
            raise RenzhengError(
                "the cluster has no cores to work with", remedy="add a node: ray start --address"
            )
        self.workers = min(workers or available, available)

    def _connect(self, address: str | None, workers: int | None) -> None:
        # Usage statistics are for the owner of a cluster to decide; one started here is ours.
        if address is None:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Its exceptions say what its C++ part writes to standard error.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            options |= {"num_cpus": workers or cores(), "include_dashboard": False}
        else:
            options |= {"address": address}
        try:
            self._ray.init(**options)
        # Ray raises SystemExit where a port is open without a cluster behind it.
        except (Exception, SystemExit) as error:
            raise _unreachable(address, str(error)) from error

    def check(self, config: VerifierConfig) -> VerifierConfig:
        """Check that every node would give the same answers as this machine.

        Each node builds the packs from installed packages, once, into its own ``RENZHENG_CACHE``;
        nothing is copied from here.

        Returns
        -------
        VerifierConfig
            The same configuration, with packs by names that every node has.

        Raises
        ------
        RenzhengError
            If a node lacks renzheng or a pack, or has another renzheng, pack or policy.
        """
        ray, everywhere = self._ray, portable(config)
        wanted = conditions(everywhere.verifier())
        inspection = ray.remote(num_cpus=0, max_retries=1)(inspect)
        asked = {}
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1:
                place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                )
                answer = inspection.options(scheduling_strategy=place).remote(everywhere)
                asked[answer] = f"node {node['NodeManagerAddress']}"
        for answer, name in asked.items():
            try:
                found = ray.get(answer, timeout=_START)
            except ray.exceptions.GetTimeoutError as error:
                raise RenzhengError(
                    f"the node did not answer within {_START:.0f} s", source=name
                ) from error
            except Exception as error:
                raise failure(error, name) from error
            require_same(wanted, found, name)
        return everywhere

    def close(self) -> None:
        """Disconnect; a cluster that was started here ends."""
        if self._ours:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def require() -> Any:
    """Return the module ``ray``, with the submodules that are needed.

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


def inspect(config: VerifierConfig) -> dict[str, str]:
    """Return the conditions of results where this is called, building packs that are missing."""
    return conditions(config.verifier())


def portable(config: VerifierConfig) -> VerifierConfig:
    """Return a configuration that names the packs renzheng can build, instead of their folders."""
    known = {str(packs.location(name)): name for name in packs.names()}
    return replace(
        config,
        pack=known.get(config.pack, config.pack),
        detector=known.get(config.detector, config.detector),
        liveness=None if config.liveness is None else known.get(config.liveness, config.liveness),
    )


def require_same(wanted: Mapping[str, str], found: Mapping[str, str], name: str) -> None:
    """Check that a node would give the same answers as this machine.

    Raises
    ------
    RenzhengError
        If it has another renzheng or other packs.
    """
    different = [
        f"{condition} ({found.get(condition, 'none')}, here {here})"
        for condition, here in wanted.items()
        if found.get(condition) != here
    ]
    if different:
        raise RenzhengError(
            f"it has another {'; another '.join(different)}",
            source=name,
            remedy="install the same renzheng on every node, with the same packs",
        )


def failure(error: BaseException, name: str | None = None) -> RenzhengError:
    """Return an error of Ray's in words; one of ours that was raised on a node stays itself."""
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
            "renzheng is not installed",
            source=name or "a node",
            remedy="pip install 'renzheng[ray]' in the environment that Ray runs in, on every node",
        )
    died = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)
    if any(isinstance(each, (*died, ray.exceptions.OutOfMemoryError)) for each in chain):
        return RenzhengError(
            "a process that reads pictures died, again and again",
            source=name,
            remedy="perhaps memory ran out: continue with fewer --workers and --resume",
        )
    # The text of an error of Ray's holds the error that was raised on a node.
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
        # Ray itself would retry for more than a minute.
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str | None, message: str) -> RenzhengError:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    reason = lines[0] if lines and not lines[0].isdigit() else "no cluster answers there"
    if address is None:
        return RenzhengError(f"Ray cannot be started here: {reason}")
    return RenzhengError(
        f"the cluster cannot be reached: {reason}",
        source=address,
        remedy="start it with `ray start --head`, join it from this machine with `ray start "
        "--address HOST:PORT`, and name it; if it needs a token, set RAY_AUTH_MODE=token",
    )
