"""The state that the routes share: packs, limits, worker processes, keys, log and counters."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from renzheng.apps.service import tasks
from renzheng.apps.service.decision_log import DecisionLog
from renzheng.apps.service.keys import Keys
from renzheng.apps.service.metrics import Metrics
from renzheng.apps.service.problems import Problem
from renzheng.apps.service.settings import Settings
from renzheng.apps.service.uploads import Uploads
from renzheng.apps.service.workers import Busy, Died, TookTooLong, Workers
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.verification.calibration import Calibration

Result = TypeVar("Result")

_log = logging.getLogger("renzheng.service")


class Service:
    """The workers, limits and packs of one running service.

    Parameters
    ----------
    settings
        The settings of the service.

    Raises
    ------
    PackError
        If a pack is missing or damaged.
    InvalidInput
        If a pack has no calibration, or the keys or the log cannot be read or written.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.failure: RenzhengError | None = None
        # Packs are built once, here, and not in every worker.
        loaded = [packs.of_kind("embedder", name) for name in settings.packs]
        self.packs = {pack.name: pack for pack in loaded}
        if len(self.packs) < len(loaded):
            raise InvalidInput("two of the packs have the same name", remedy="offer one of them")
        self.calibrations = {name: _calibration(pack) for name, pack in self.packs.items()}
        self.default = loaded[0].name
        self.calibrations[self.default].threshold_at(settings.policy.max_fmr)
        self.others = [packs.of_kind("detector", settings.detector)]
        if settings.liveness is not None:
            self.others.append(packs.of_kind("liveness", settings.liveness))
        elif settings.policy.min_liveness is not None:
            raise InvalidInput("the policy demands liveness, but no liveness pack is set")
        self.keys = None if settings.keys is None else Keys(settings.keys)
        self.log = None if settings.log is None else DecisionLog(settings.log)
        self.uploads = Uploads(settings)
        self.workers = Workers(
            tasks.make_worker,
            (settings,),
            count=settings.processes,
            queue=settings.queue,
            timeout=settings.timeout,
            patience=settings.patience,
        )
        self.metrics = Metrics(
            {
                "workers": ("Processes that compare.", lambda: float(self.workers.ready)),
                "workers_replaced": (
                    "Processes that died or were ended, since the start.",
                    lambda: float(self.workers.replaced),
                ),
                "queue": ("Requests that wait.", lambda: float(self.workers.waiting)),
                "upload_bytes": ("Bytes of bodies held.", lambda: float(self.uploads.held)),
            }
        )

    async def do(self, request: Request, task: tasks.Task) -> tasks.Done:
        """Run a task in a worker, and give up when the client goes away.

        Raises
        ------
        Problem
            If there is no result.
        """
        if not self.workers.ready:
            raise Problem("not_ready", "no worker is there yet", headers={"Retry-After": "2"})
        try:
            result = await _while_connected(request, self.workers.do(task))
        except Busy as busy:
            raise _busy(busy) from None
        except TookTooLong as error:
            raise Problem("took_too_long", f"the work was stopped: {error}") from None
        except Died as error:
            _log.error("a worker was replaced: %s", error)
            raise Problem("failed", "the process that worked on it died") from None
        if isinstance(result, tasks.Refused):
            raise Problem(result.code, result.detail, result.remedy, result.field)
        assert isinstance(result, tasks.Done)
        return result

    def pack(self, name: str | None) -> str:
        """Return the name of the pack asked for; None asks for the default pack.

        Raises
        ------
        Problem
            If the service does not offer it.
        """
        if name is None:
            return self.default
        if name not in self.packs:
            raise Problem(
                "invalid",
                f"the service offers no pack {name[:80]!r}",
                f"there are: {', '.join(self.packs)}",
                "pack",
            )
        return name

    def refuse_early(self) -> None:
        """Turn a request away before its pictures are read into memory.

        Raises
        ------
        Problem
            If the queue is full.
        """
        if self.workers.full:
            raise _busy(self.workers.busy())


async def _while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return a result, unless the client goes away first: then its place in the queue is freed."""

    async def gone() -> None:
        # The body has been read: the next message is the end of the connection.
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for each in (working, leaving):
            if not each.done():
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await each


def _busy(busy: Busy) -> Problem:
    return Problem(
        "busy",
        "more requests wait than may",
        f"try again in {busy.seconds} s",
        headers={"Retry-After": str(busy.seconds)},
    )


def _calibration(pack: Pack) -> Calibration:
    if "calibration.json" not in pack.manifest["files"]:
        raise InvalidInput(
            f"the pack {pack.name} has no calibration, so no policy can be applied",
            remedy=f"calibrate it: {packs.calibrating(pack)}",
        )
    return Calibration.load(pack.file("calibration.json"))
