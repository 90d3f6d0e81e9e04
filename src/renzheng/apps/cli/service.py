"""``serve``: the HTTP service."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models.defaults import DEFAULT_EMBEDDER

_SERVE = """\
Serve comparisons over HTTP, and a web page to try them on.

By default the service listens on this machine only and requires no key. To be reached from
elsewhere it needs API keys (--keys, made by `renzheng keys add`), and either TLS (--certificate,
--private-key) or a proxy that speaks TLS. Nothing is stored: pictures and embeddings live in memory
for the length of a request; --log records decisions without either.
"""
_EXAMPLES = """\
examples:
  renzheng serve                                   then open http://127.0.0.1:8000/
  renzheng keys add desk-1 --file keys.txt         prints the key once
  renzheng serve --host 0.0.0.0 --allow-host id.example.org --keys keys.txt --log decisions.jsonl

  curl -F reference=@passport.jpg -F probe=@selfie.jpg http://127.0.0.1:8000/v1/verify

The interface is described at /openapi.json. Ctrl-C or SIGTERM ends the service once all requests
that it has accepted are answered.
"""
_LOCAL = ("127.0.0.1", "localhost", "::1")
# Option, type, default, unit and description of each limit.
_LIMITS: tuple[tuple[str, Any, float, str, str], ...] = (
    ("queue", int, 32, "N", "requests that may wait; further ones get 503 and when to retry"),
    ("max-upload", float, 24, "MIB", "size of one request"),
    ("max-pixels", float, 64, "MEGAPIXELS", "size of one picture"),
    ("memory", float, 512, "MIB", "size of all current requests together, as they are sent"),
    ("timeout", float, 30, "SECONDS", "time for one comparison"),
    ("upload-timeout", float, 30, "SECONDS", "time for a request to arrive"),
    ("header-timeout", float, 10, "SECONDS", "time for a connection to send its headers"),
    ("connections", int, 1000, "N", "connections at a time"),
)


def register(commands: Any) -> None:
    """Add the command of this module."""
    serve = options.add_command(
        commands, "serve", "run an HTTP service with a web page", _SERVE, _EXAMPLES
    )
    _add_where(serve.add_argument_group("where"))
    _add_who(serve.add_argument_group("who"))
    _add_what(serve.add_argument_group("what"))
    _add_limits(serve.add_argument_group("how much"))
    serve.set_defaults(run=_serve)


def _add_where(group: options.Parser) -> None:
    group.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this machine only)"
    )
    group.add_argument("--port", type=int, default=8000, help="default: 8000; 0 takes a free one")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name that requests may use, besides localhost; repeatable; '*' for any",
    )
    group.add_argument("--certificate", type=Path, metavar="PEM", help="certificate for TLS")
    group.add_argument("--private-key", type=Path, metavar="PEM", help="private key for TLS")


def _add_who(group: options.Parser) -> None:
    group.add_argument(
        "--keys", type=Path, metavar="FILE", help="require an API key from this file"
    )
    group.add_argument(
        "--without-keys",
        action="store_true",
        help="answer anybody who can reach --host: where a proxy checks keys",
    )
    group.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="append each decision as a line of JSON: digests, distance, pack, policy; no picture",
    )


def _add_what(group: options.Parser) -> None:
    group.add_argument(
        "--pack",
        action="append",
        metavar="PACK",
        help=f"embedding pack, repeatable, the default first (default: {DEFAULT_EMBEDDER})",
    )
    group.add_argument(
        "--liveness", metavar="PACK", help="check live pictures with this liveness pack"
    )
    group.add_argument(
        "--max-fmr",
        type=float,
        default=1e-4,
        metavar="RATE",
        help="highest false match rate, unless a request sets its own (default: 1e-4)",
    )
    options.add_detector(group)
    options.add_min_face_size(group)
    options.add_backend(group)


def _add_limits(group: options.Parser) -> None:
    options.add_workers(group, "processes that compare")
    for name, kind, default, unit, summary in _LIMITS:
        group.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar=unit,
            help=f"{summary} (default: %(default)s)",
        )


def _serve(arguments: argparse.Namespace) -> int:
    missing = [
        name
        for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise RenzhengError(
            f"the service needs {', '.join(missing)}", remedy="pip install 'renzheng[serve]'"
        )
    from renzheng.apps.service import Settings, serve
    from renzheng.apps.service.settings import LOOPBACK
    from renzheng.models.runtime import choose_backend
    from renzheng.verification.policy import Policy

    _check_place(arguments)
    if arguments.workers is not None and arguments.workers < 1:
        raise InvalidInput(f"--workers must be 1 or more, not {arguments.workers}")
    names = tuple(arguments.allow_host)
    settings = Settings(
        packs=tuple(arguments.pack or (DEFAULT_EMBEDDER,)),
        detector=arguments.detector,
        liveness=arguments.liveness,
        policy=Policy(max_fmr=arguments.max_fmr),
        min_face_size=arguments.min_face_size,
        backend=choose_backend(arguments.backend),
        workers=arguments.workers or 0,
        queue=arguments.queue,
        max_upload=_whole(arguments.max_upload, "--max-upload", 1 << 20),
        max_pixels=_whole(arguments.max_pixels, "--max-pixels", 1_000_000),
        memory=_whole(arguments.memory, "--memory", 1 << 20),
        timeout=arguments.timeout,
        upload_timeout=arguments.upload_timeout,
        header_timeout=arguments.header_timeout,
        connections=arguments.connections,
        hosts=() if "*" in names else (*LOOPBACK, *_host_names(arguments.host), *names),
        keys=arguments.keys,
        log=arguments.log,
    )
    serve(
        settings,
        host=arguments.host,
        port=arguments.port,
        certificate=arguments.certificate,
        private_key=arguments.private_key,
    )
    return 0


def _check_place(arguments: argparse.Namespace) -> None:
    """Check that nobody is let in by accident."""
    if arguments.keys is not None and arguments.without_keys:
        raise InvalidInput("--keys and --without-keys exclude each other")
    reachable = arguments.host not in _LOCAL
    if reachable and arguments.keys is None and not arguments.without_keys:
        raise InvalidInput(
            f"at {arguments.host} the service can be reached from elsewhere, and requires no key",
            remedy="give --keys FILE (`renzheng keys add NAME --file FILE`), or --without-keys "
            "where a proxy checks keys",
        )
    if (arguments.certificate is None) != (arguments.private_key is None):
        raise InvalidInput("--certificate and --private-key belong together")
    options.check_output(
        arguments.log, [arguments.keys, arguments.certificate, arguments.private_key]
    )


def _host_names(host: str) -> tuple[str, ...]:
    """Return the host name that an address stands for, if it stands for one."""
    if host in ("0.0.0.0", "::", ""):
        return ()
    return (f"[{host}]" if ":" in host else host,)


def _whole(value: float, option: str, unit: int) -> int:
    if not 0 < value < 1e6:
        raise InvalidInput(f"{option} must lie above 0 and below a million, not {value:g}")
    return max(1, round(value * unit))
