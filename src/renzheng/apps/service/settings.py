"""The settings of a service, fixed when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput
from renzheng.images import Limits
from renzheng.models.defaults import DEFAULT_DETECTOR, DEFAULT_EMBEDDER
from renzheng.verification.policy import Policy

_MIB = 1 << 20
MAX_WORKERS = 256
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """The offer of a service and its limits.

    Attributes
    ----------
    packs
        The embedding packs on offer, names or folders, the default first.
    detector
        The detection pack, a name or a folder.
    liveness
        The liveness pack, or None.
    policy
        The policy of requests that ask for no other.
    min_face_size
        As in `Verifier`.
    backend
        The library that computes the networks, as in `Verifier`.
    workers
        Processes that compare, each with its own networks; 0 for one per core.
    queue
        Requests that may wait for a worker; further ones get 503 and when to retry.
    max_upload
        The largest body of one request, in bytes.
    max_pixels
        The largest picture, in pixels (width times height).
    memory
        Bytes that the bodies of all current requests may have together; beyond that, further
        requests get 503.
    upload_timeout
        Seconds that a body may take to arrive.
    header_timeout
        Seconds that a connection may take to send its headers.
    timeout
        Seconds that a worker may take for one request before it is ended and replaced.
    connections
        The most connections at a time. Beyond that, silent ones are closed first.
    hosts
        The accepted values of ``Host``; empty accepts any. A page elsewhere on the web can make a
        browser send requests to this machine under a name of its own (DNS rebinding): this stops
        it.
    keys
        The file of API keys; None requires no key.
    log
        The file of the decision log; None for no log.
    """

    packs: tuple[str, ...] = (DEFAULT_EMBEDDER,)
    detector: str = DEFAULT_DETECTOR
    liveness: str | None = None
    policy: Policy = field(default_factory=Policy)
    min_face_size: int = 40
    backend: str | None = None
    workers: int = 0
    queue: int = 32
    max_upload: int = 24 * _MIB
    max_pixels: int = Limits.max_pixels
    memory: int = 512 * _MIB
    upload_timeout: float = 30.0
    header_timeout: float = 10.0
    timeout: float = 30.0
    connections: int = 1000
    hosts: tuple[str, ...] = LOOPBACK
    keys: Path | None = None
    log: Path | None = None

    def __post_init__(self) -> None:
        if not self.packs or len(set(self.packs)) < len(self.packs):
            raise InvalidInput("a service must offer at least one pack, and none twice")
        if not 0 <= self.workers <= MAX_WORKERS:
            raise InvalidInput(f"workers must lie between 1 and {MAX_WORKERS}, not {self.workers}")
        minima = {
            "queue": 0,
            "max_upload": 1,
            "max_pixels": 1,
            "connections": 1,
            "min_face_size": 1,
        }
        for name, smallest in minima.items():
            if getattr(self, name) < smallest:
                raise InvalidInput(f"{name} must be {smallest} or more, not {getattr(self, name)}")
        for name in ("upload_timeout", "header_timeout", "timeout"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"{name} must be above 0, not {getattr(self, name):g}")
        if self.memory < self.max_upload:
            raise InvalidInput(
                f"{self.memory >> 20} MiB for all requests together do not hold one of "
                f"{self.max_upload >> 20} MiB"
            )

    @property
    def processes(self) -> int:
        """The number of worker processes."""
        return self.workers or cores()

    @property
    def patience(self) -> float:
        """Seconds that a request may wait for a worker."""
        return 2 * self.timeout

    @property
    def longest(self) -> float:
        """Seconds that a request may take in all: to arrive, to wait and to be worked on."""
        return self.upload_timeout + self.patience + self.timeout

    @property
    def limits(self) -> Limits:
        """The limits on one picture."""
        return Limits(max_bytes=self.max_upload, max_pixels=self.max_pixels)
