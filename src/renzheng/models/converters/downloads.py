"""Files from an address, in pieces: nothing is taken from elsewhere, for ever or without end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from renzheng.errors import PackError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

_PIECE = 1 << 16


def pieces(
    address: str,
    *,
    max_bytes: int,
    remedy: str,
    timeout: float = 30.0,
    patience: float = 20.0,
    redirects: Sequence[str] = (),
) -> Iterator[bytes]:
    """Yield the content at an address.

    Parameters
    ----------
    address
        An address of HTTP or HTTPS.
    max_bytes
        The maximum size of the content.
    remedy
        The advice in errors.
    timeout
        The seconds that the server may stay silent.
    patience
        The timeouts that the whole content may take: a server may drip.
    redirects
        The domains that the server may send us on to, by HTTPS; always to itself.

    Raises
    ------
    PackError
        If the content cannot be fetched, is too large, ends early or lies elsewhere.
    """
    # Every comparison imports this module, and these take longer to import than the rest of it.
    import http.client
    import urllib.error

    try:
        yield from _pieces(address, max_bytes, timeout, patience * timeout, redirects)
    except urllib.error.HTTPError as error:
        with error:
            reason = f"the server answers {error.code} {error.reason}"
        raise PackError(reason, source=address, remedy=remedy) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = getattr(error, "reason", None) or error
        raise PackError(
            f"the file cannot be fetched: {cause or type(error).__name__}",
            source=address,
            remedy=remedy,
        ) from error


def _pieces(
    address: str, max_bytes: int, timeout: float, limit: float, redirects: Sequence[str]
) -> Iterator[bytes]:
    import urllib.request

    deadline = time.monotonic() + limit
    size = 0
    request = urllib.request.Request(address, headers={"User-Agent": "renzheng"})
    with _opener(redirects).open(request, timeout=timeout) as answer:
        promised = answer.headers.get("Content-Length")
        while part := answer.read1(_PIECE):
            size += len(part)
            if size > max_bytes:
                raise ValueError(f"it is larger than {max_bytes >> 20} MiB")
            if time.monotonic() > deadline:
                raise TimeoutError("it takes too long")
            yield part
    if promised is not None and size != int(promised):
        raise ValueError(f"it ended early, after {size} of {promised} bytes")


def _opener(redirects: Sequence[str]) -> OpenerDirector:
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Request | None:
            if not _may_follow(req.full_url, newurl, redirects):
                fp.close()
                raise ValueError(
                    f"the server sends us elsewhere, to {newurl[:100]!r}, which is none of its "
                    "publisher's places"
                )
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return urllib.request.build_opener(Redirects)


def _may_follow(before: str, after: str, domains: Sequence[str]) -> bool:
    """Return whether a redirect stays at its server, or leads to one of the domains by HTTPS."""
    old, new = urlsplit(before), urlsplit(after)
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return True
    host = new.hostname or ""
    known = any(host == domain or host.endswith(f".{domain}") for domain in domains)
    return new.scheme == "https" and new.port in (None, 443) and (known or host == old.hostname)
