"""What a service is told once, when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput
from renzheng.images import Limits
from renzheng.models.defaults import DEFAULT_EMBEDDER
from renzheng.verification.policy import Policy

_MIB = 1 << 20
MOST_WORKERS = 256
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """How a service works and what it bears.

    Attributes
    ----------
    packs
        The embedding packs that it offers, names or folders, the default first.
    liveness
        The liveness pack, or None.
    policy
        What holds where a request says nothing else.
    min_face_size
        As in `Verifier`.
    backend
        What computes the networks, as in `Verifier`.
    workers
        Processes that compare, each with its own networks; 0 is one a core.
    queue
        Requests that may wait for a worker; more are told to come again (503).
    max_upload
        Bytes that the body of one request may have.
    max_pixels
        Width times height that one picture may have.
    memory
        Bytes that the bodies of all requests at a time may have; more are told to come again.
    upload_timeout
        Seconds that a body may take to arrive.
    header_timeout
        Seconds that a connection may take to say what it wants.
    timeout
        Seconds that a worker may take for one request before it is ended and replaced.
    connections
        Connections at a time. Beyond, those that have said nothing make room.
    hosts
        What ``Host`` may be; empty accepts any. A page elsewhere on the web can make a browser send
        requests to this machine under a name of its own (DNS rebinding): this stops it.
    keys
        The file of API keys; None asks for none.
    log
        The file that decisions are noted in; None notes none.
    """

    packs: tuple[str, ...] = (DEFAULT_EMBEDDER,)
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
            raise InvalidInput("a service offers at least one pack, and none twice")
        if not 0 <= self.workers <= MOST_WORKERS:
            raise InvalidInput(f"workers must lie from 1 to {MOST_WORKERS}, not {self.workers}")
        least = {"queue": 0, "max_upload": 1, "max_pixels": 1, "connections": 1, "min_face_size": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise InvalidInput(f"{name} must be {smallest} or more, not {getattr(self, name)}")
        for name in ("upload_timeout", "header_timeout", "timeout"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"{name} must be above 0, not {getattr(self, name):g}")
        if self.memory < self.max_upload:
            raise InvalidInput(
                f"{self.memory >> 20} MiB for all requests do not hold one of "
                f"{self.max_upload >> 20} MiB"
            )

    @property
    def processes(self) -> int:
        """How many workers there are."""
        return self.workers or cores()

    @property
    def patience(self) -> float:
        """Seconds that a request may wait for a worker."""
        return 2 * self.timeout

    @property
    def longest(self) -> float:
        """Seconds that a request may take: to arrive, to wait, and to be worked on."""
        return self.upload_timeout + self.patience + self.timeout

    @property
    def limits(self) -> Limits:
        """What one picture may be."""
        return Limits(max_bytes=self.max_upload, max_pixels=self.max_pixels)
