"""The problems that the service reports, as problem details for HTTP APIs (RFC 9457)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
_TYPES = "https://github.com/renzheng/renzheng/blob/main/docs/service.md#"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes
    ----------
    status
        The HTTP status.
    title
        The kind in words, the same every time.
    """

    status: int
    title: str


KINDS = {
    "bad_request": Kind(400, "The request cannot be understood"),
    "bad_multipart": Kind(400, "The form cannot be read"),
    "key_wanted": Kind(401, "An API key is wanted"),
    "cross_site": Kind(403, "Other sites may not ask"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "Not by this method"),
    "too_slow": Kind(408, "The request took too long to arrive"),
    "too_large": Kind(413, "The request is too large"),
    "wrong_content_type": Kind(415, "The request is of another type"),
    "wrong_host": Kind(421, "The service does not answer to this name"),
    "invalid": Kind(422, "A value is not accepted"),
    "unreadable": Kind(422, "The picture cannot be read"),
    "no_face": Kind(422, "No face was found"),
    "failed": Kind(500, "The service failed"),
    "busy": Kind(503, "The service is busy"),
    "took_too_long": Kind(503, "The work took too long"),
    "not_ready": Kind(503, "The service is not ready"),
    "log_failed": Kind(503, "The decision cannot be noted"),
}


@dataclasses.dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """A request that cannot be answered as asked.

    Attributes
    ----------
    code
        The kind of the problem, a key of `KINDS`.
    detail
        The reason in this case, for a person.
    remedy
        The action that helps, if there is one.
    field
        The field of the form that the problem is about, if any.
    headers
        Further headers of the reply.
    """

    code: str
    detail: str
    remedy: str | None = None
    field: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.code].status

    def to_dict(self) -> dict[str, Any]:
        """Return the members of RFC 9457 and our own: `code`, `remedy`, `field`."""
        members = {
            "type": f"{_TYPES}{self.code}",
            "title": KINDS[self.code].title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        more = {"remedy": self.remedy, "field": self.field}
        return members | {name: value for name, value in more.items() if value is not None}

    def body(self) -> bytes:
        """Return the reply's JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False).encode()


def of_status(status: int, detail: str) -> Problem:
    """Return the problem that a plain HTTP status stands for."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    code = codes.get(status, "bad_request" if status < 500 else "failed")
    phrase = HTTPStatus(status).phrase
    return Problem(code, detail if detail and detail != phrase else KINDS[code].title)
