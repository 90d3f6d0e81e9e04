"""``serve`` and ``keys``: the HTTP service and who may ask it."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models.defaults import DEFAULT_EMBEDDER

_SERVE = """\
Serve comparisons over HTTP, and a page to try them on.

By default it listens on this machine only and asks for no key. To be reached from elsewhere it
wants API keys (--keys, made by `renzheng keys add`), and either TLS (--certificate, --private-key)
or a proxy that speaks it. Nothing is stored: pictures and embeddings live in memory for the length
of a request; --log notes decisions without either.
"""
_EXAMPLES = """\
examples:
  renzheng serve                                   then open http://127.0.0.1:8000/
  renzheng keys add desk-1 --file keys.txt         prints the key once
  renzheng serve --host 0.0.0.0 --allow-host id.example.org --keys keys.txt --log decisions.jsonl

  curl -F reference=@passport.jpg -F probe=@selfie.jpg http://127.0.0.1:8000/v1/verify

The interface is described at /openapi.json. Ctrl-C or SIGTERM ends the service once all requests
that it took are answered.
"""
_LOCAL = ("127.0.0.1", "localhost", "::1")


def register(commands: Any) -> None:
    """Add the commands of this module."""
    serve = commands.add_parser(
        "serve",
        help="an HTTP service with a page",
        description=_SERVE,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = serve.add_argument_group("where")
    where.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this machine only)"
    )
    where.add_argument("--port", type=int, default=8000, help="default: 8000; 0 takes a free one")
    where.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the service is asked by, beside localhost; repeatable; '*' for any",
    )
    where.add_argument("--certificate", type=Path, metavar="PEM", help="for TLS")
    where.add_argument("--private-key", type=Path, metavar="PEM", help="for TLS")
    who = serve.add_argument_group("who")
    who.add_argument("--keys", type=Path, metavar="FILE", help="ask for an API key of this file")
    who.add_argument(
        "--without-keys",
        action="store_true",
        help="let anybody ask who can reach --host: where a proxy asks for keys",
    )
    who.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="append each decision as a line of JSON: digests, distance, pack, policy; no picture",
    )
    what = serve.add_argument_group("what")
    what.add_argument(
        "--pack",
        action="append",
        metavar="PACK",
        help=f"embedding pack, repeatable, the default first (default: {DEFAULT_EMBEDDER})",
    )
    what.add_argument("--liveness", metavar="PACK", help="ask this pack about live pictures")
    what.add_argument(
        "--max-fmr",
        type=float,
        default=1e-4,
        metavar="RATE",
        help="where a request says nothing else (default: 1e-4)",
    )
    what.add_argument(
        "--min-face-size",
        type=int,
        default=40,
        metavar="PX",
        help="ignore faces smaller than this (default: %(default)s)",
    )
    options.add_backend(what)
    much = serve.add_argument_group("how much")
    much.add_argument(
        "--workers", type=int, metavar="N", help="processes that compare (default: one a core)"
    )
    much.add_argument(
        "--queue",
        type=int,
        default=32,
        metavar="N",
        help="requests that may wait; more get 503 and when to come again (default: 32)",
    )
    much.add_argument(
        "--max-upload", type=float, default=24, metavar="MIB", help="one request (default: 24)"
    )
    much.add_argument(
        "--max-pixels",
        type=float,
        default=64,
        metavar="MEGAPIXELS",
        help="one picture (default: 64)",
    )
    much.add_argument(
        "--memory",
        type=float,
        default=512,
        metavar="MIB",
        help="all requests at a time, as they are sent (default: 512)",
    )
    much.add_argument(
        "--timeout", type=float, default=30, metavar="SECONDS", help="one comparison (default: 30)"
    )
    much.add_argument(
        "--upload-timeout",
        type=float,
        default=30,
        metavar="SECONDS",
        help="until a request has arrived (default: 30)",
    )
    much.add_argument(
        "--header-timeout",
        type=float,
        default=10,
        metavar="SECONDS",
        help="until a connection has said what it wants (default: 10)",
    )
    much.add_argument(
        "--connections", type=int, default=1000, metavar="N", help="at a time (default: 1000)"
    )
    serve.set_defaults(run=_serve)

    keys = commands.add_parser(
        "keys",
        help="API keys of the service",
        description="Make, list and remove API keys of `renzheng serve`. The file holds names and "
        "digests; a key itself is shown once, when it is made. A running service sees changes.",
    )
    actions = keys.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, told in (
        ("add", _add_key, "make a key and print it, once"),
        ("remove", _remove_key, "let a key no longer be accepted"),
        ("list", _list_keys, "the names of all keys"),
    ):
        action = actions.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
        if run is not _list_keys:
            action.add_argument("name", metavar="NAME", help="whose: A-Z, a-z, 0-9, '.', '_', '-'")
        action.add_argument("--file", type=Path, required=True, metavar="FILE", help="of the keys")
        if run is _list_keys:
            options.add_json(action)
        action.set_defaults(run=run)


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
    from renzheng.models.runtime import chosen
    from renzheng.verification.policy import Policy

    _check_place(arguments)
    if arguments.workers is not None and arguments.workers < 1:
        raise InvalidInput(f"--workers must be 1 or more, not {arguments.workers}")
    names = tuple(arguments.allow_host)
    settings = Settings(
        packs=tuple(arguments.pack or (DEFAULT_EMBEDDER,)),
        liveness=arguments.liveness,
        policy=Policy(max_fmr=arguments.max_fmr),
        min_face_size=arguments.min_face_size,
        backend=chosen(arguments.backend),
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
    """Make sure that nobody is let in by accident."""
    if arguments.keys is not None and arguments.without_keys:
        raise InvalidInput("--keys and --without-keys exclude each other")
    reachable = arguments.host not in _LOCAL
    if reachable and arguments.keys is None and not arguments.without_keys:
        raise InvalidInput(
            f"at {arguments.host} others could ask, and no key is wanted from them",
            remedy="give --keys FILE (`renzheng keys add NAME --file FILE`), or --without-keys "
            "where a proxy asks for keys",
        )
    if (arguments.certificate is None) != (arguments.private_key is None):
        raise InvalidInput("--certificate and --private-key belong together")
    options.check_output(
        arguments.log, [arguments.keys, arguments.certificate, arguments.private_key]
    )


def _host_names(host: str) -> tuple[str, ...]:
    """The name of an address that stands for itself."""
    if host in ("0.0.0.0", "::", ""):
        return ()
    return (f"[{host}]" if ":" in host else host,)


def _whole(value: float, option: str, unit: int) -> int:
    if not 0 < value < 1e6:
        raise InvalidInput(f"{option} must lie above 0 and below a million, not {value:g}")
    return max(1, round(value * unit))


def _add_key(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    print(keys.add(arguments.file, arguments.name))
    return 0


def _remove_key(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    keys.remove(arguments.file, arguments.name)
    return 0


def _list_keys(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    names = list(keys.read(arguments.file))
    if arguments.json:
        options.print_json(names)
    else:
        print("\n".join(names) or "no key")
    return 0
