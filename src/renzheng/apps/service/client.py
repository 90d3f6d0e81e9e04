"""A typed Python client of the service. It needs the extra ``client``."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import IO, Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from renzheng import images
from renzheng.apps.service import replies
from renzheng.errors import RenzhengError
from renzheng.types import Role
from renzheng.verification.policy import Policy

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
Reply = TypeVar("Reply", bound=BaseModel)

_TIMEOUT = 60.0  # seconds
_MAX_WAIT = 30.0  # seconds


class ServiceError(RenzhengError):
    """The service cannot be reached, or did not return a result.

    Attributes
    ----------
    code
        The problem's stable code (`renzheng.apps.service.problems.KINDS`); ``unreachable`` if
        there was no reply, ``not_understood`` if the reply does not come from this service.
    status
        The HTTP status; None without a reply.
    field
        The field of the form that the problem is about, if any.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str,
        status: int | None = None,
        field: str | None = None,
        source: str | None = None,
        remedy: str | None = None,
    ):
        self.code, self.status, self.field = code, status, field
        super().__init__(reason, source=source, remedy=remedy)


class Client:
    """A client of a running service, safe to share between threads.

    Parameters
    ----------
    url
        The address of the service, e.g. ``http://127.0.0.1:8000``.
    key
        The API key, if the service requires one.
    timeout
        Seconds for one call, not counting the waiting that `patience` allows.
    patience
        Seconds in all to wait and retry while the service says that it is busy; 0 for no
        retries.
    transport
        An httpx transport, for tests and for proxies of your own.

    Examples
    --------
    >>> with Client("http://127.0.0.1:8000") as client:  # doctest: +SKIP
    ...     client.verify("passport.jpg", "selfie.jpg").decision
    <Decision.MATCH: 'match'>
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = _TIMEOUT,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ):
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._patience = patience
        try:
            # trust_env: pictures must not go through a proxy that happens to be set.
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise ServiceError(
                f"not a valid address of a service: {error}", code="unreachable", source=url
            ) from error

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def verify(
        self,
        reference: Picture,
        probe: Picture,
        policy: Policy | None = None,
        *,
        roles: tuple[Role | str, Role | str] | None = None,
        pack: str | None = None,
        display: bool = False,
    ) -> replies.Verification:
        """Compare a picture on record with one to check.

        A picture without a face, or that cannot be read, is a result: ``not_comparable``.

        Parameters
        ----------
        reference, probe
            The picture on record and the one to check: a path, bytes or a binary file object.
        policy
            The conditions of a match; by default those of the service.
        roles
            The roles of the two pictures; by default ``document`` and ``live``.
        pack
            The name of an embedding pack, one of `packs`; by default the service's first.
        display
            True to return pictures, crops and curves too.

        Raises
        ------
        ServiceError
            If the service cannot be reached or does not return a result.
        UnreadableImage
            If a file cannot be opened.
        """
        fields = _fields(policy)
        if roles is not None:
            fields["roles"] = ",".join(str(Role(role)) for role in roles)
        if display:
            fields["display"] = "true"
        pictures = {"reference": reference, "probe": probe}
        return self._post("/v1/verify", pictures, {**fields, **_named(pack)}, replies.Verification)

    def detect(self, picture: Picture, *, pack: str | None = None) -> replies.Detection:
        """Find all faces of a picture; raises as `verify`, and also for an unreadable picture."""
        return self._post("/v1/detect", {"picture": picture}, _named(pack), replies.Detection)

    def quality(
        self, picture: Picture, role: Role | str = Role.LIVE, *, pack: str | None = None
    ) -> replies.Quality:
        """Measure the chosen face of a picture; raises as `detect`, and also without a face."""
        fields = {"role": str(Role(role)), **_named(pack)}
        return self._post("/v1/quality", {"picture": picture}, fields, replies.Quality)

    def embed(
        self, picture: Picture, role: Role | str = Role.PHOTO, *, pack: str | None = None
    ) -> replies.Embedding:
        """Embed the chosen face of a picture; raises as `quality`."""
        fields = {"role": str(Role(role)), **_named(pack)}
        return self._post("/v1/embed", {"picture": picture}, fields, replies.Embedding)

    def packs(self) -> replies.Packs:
        """Return what the service offers; raises `ServiceError`."""
        return _understood(self._ask("GET", "/v1/packs"), replies.Packs)

    def ready(self) -> bool:
        """Return whether the service can compare; False too if it cannot be reached."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _post(
        self,
        path: str,
        pictures: Mapping[str, Picture],
        fields: Mapping[str, str | list[str]],
        kind: type[Reply],
    ) -> Reply:
        # The file's own name is not sent: the service has no use for it.
        files = {name: ("picture", _bytes(each)) for name, each in pictures.items()}
        return _understood(self._ask("POST", path, data=dict(fields), files=files), kind)

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        until = time.monotonic() + self._patience
        while True:
            try:
                response = self._http.request(method, path, **content)
            except httpx.HTTPError as error:
                raise ServiceError(
                    f"the service cannot be reached: {error or type(error).__name__}",
                    code="unreachable",
                    source=str(self._http.base_url),
                    remedy="check that it runs (`renzheng serve`) and at which address",
                ) from error
            wait = _wait(response)
            if wait is None or time.monotonic() + wait > until:
                return response
            time.sleep(wait)


def _wait(response: httpx.Response) -> float | None:
    """Return the seconds to wait before a retry; None where a retry is not worth it."""
    seconds = response.headers.get("Retry-After", "")
    if response.status_code != 503 or not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(float(seconds), _MAX_WAIT)


def _understood(response: httpx.Response, kind: type[Reply]) -> Reply:
    try:
        if response.status_code == 200:
            return kind.model_validate_json(response.content)
        problem = replies.Problem.model_validate_json(response.content)
    except ValidationError:
        raise ServiceError(
            f"the reply (status {response.status_code}) does not come from this service",
            code="not_understood",
            status=response.status_code,
            source=str(response.url),
            remedy="check the address, and that client and service are the same version",
        ) from None
    raise ServiceError(
        problem.detail,
        code=problem.code,
        status=response.status_code,
        field=problem.field,
        remedy=problem.remedy,
    )


def _bytes(picture: Picture) -> bytes:
    if isinstance(picture, (str, os.PathLike)):
        return images.read_bytes(picture)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return bytes(picture)
    return picture.read()


def _named(pack: str | None) -> dict[str, str]:
    return {} if pack is None else {"pack": pack}


def _fields(policy: Policy | None) -> dict[str, str | list[str]]:
    if policy is None:
        return {}
    minima = {"document": policy.min_document_quality, "live": policy.min_live_quality}
    fields: dict[str, str | list[str]] = {
        "max_fmr": repr(policy.max_fmr),
        "inconclusive": repr(policy.inconclusive),
        "min_quality": [
            f"{role}.{name}={value}"
            for role, each in minima.items()
            for name, value in each.items()
        ],
        "allow_several_faces": str(policy.allow_several_faces).lower(),
        "allow_same_picture": str(policy.allow_same_picture).lower(),
    }
    if policy.min_liveness is not None:
        fields["min_liveness"] = repr(policy.min_liveness)
    return fields
