"""The routes: each reads a form, hands the work to a worker and passes its reply on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib.resources import files as package_files
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from renzheng import __version__
from renzheng.apps.service import options, replies, work
from renzheng.apps.service.decisions import DecisionLog
from renzheng.apps.service.guard import Guard, reply
from renzheng.apps.service.keys import Keys
from renzheng.apps.service.metrics import MEDIA_TYPE as METRICS_TYPE
from renzheng.apps.service.metrics import Metrics
from renzheng.apps.service.problems import KINDS, MEDIA_TYPE, Problem, of_status
from renzheng.apps.service.settings import Settings
from renzheng.apps.service.uploads import Form, Uploads
from renzheng.apps.service.workers import Busy, Died, TookTooLong, Workers
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.types import Role
from renzheng.verification.calibration import Calibration

Result = TypeVar("Result")

_log = logging.getLogger("renzheng.service")

_DESCRIPTION = """\
Says whether the face on an ID document and a live face are the same person, how sure it is, and
why.

Pictures are sent as files of a form (multipart/form-data). Nothing is stored: they live in memory
for the length of the request. Addresses and paths are never opened.

A picture that cannot be read, or shows no face, is a result where two are compared (decision
`not_comparable`), and a problem (422) elsewhere. Problems are told as RFC 9457 says, with a stable
`code`.
"""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_ROUTES = frozenset(
    {
        *("/", "/v1/verify", "/v1/detect", "/v1/quality", "/v1/embed", "/v1/packs"),
        *("/healthz", "/readyz", "/metrics", "/openapi.json"),
    }
)
_UPLOAD = ("bad_request", "bad_multipart", "too_slow", "too_large", "wrong_content_type", "invalid")
_WORK = ("failed", "busy", "took_too_long", "not_ready")
_GUARD = ("cross_site", "wrong_host", "bad_request")


class Service:
    """What the routes share: the workers, the limits, the packs.

    Parameters
    ----------
    settings
        How it works.

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
        # Built here, once, and not in every worker.
        loaded = [packs.of_kind("embedder", name) for name in settings.packs]
        self.packs = {pack.name: pack for pack in loaded}
        if len(self.packs) < len(loaded):
            raise InvalidInput("two packs have one name", remedy="offer one of them")
        self.calibrations = {name: _calibration(pack) for name, pack in self.packs.items()}
        self.default = loaded[0].name
        self.calibrations[self.default].threshold_at(settings.policy.max_fmr)
        self.others = [packs.load(packs.DEFAULT_DETECTOR)]
        if settings.liveness is not None:
            self.others.append(packs.of_kind("liveness", settings.liveness))
        elif settings.policy.min_liveness is not None:
            raise InvalidInput("the policy asks for liveness, and there is no liveness pack")
        self.keys = None if settings.keys is None else Keys(settings.keys)
        self.log = None if settings.log is None else DecisionLog(settings.log)
        self.uploads = Uploads(settings)
        self.workers = Workers(
            work.start,
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

    async def do(self, request: Request, task: work.Task) -> work.Done:
        """Let a worker do it, as long as the client is there.

        Raises
        ------
        Problem
            If there is no result.
        """
        if not self.workers.ready:
            raise Problem("not_ready", "no worker is there yet", headers={"Retry-After": "2"})
        try:
            result = await _while_there(request, self.workers.do(task))
        except Busy as busy:
            raise _busy(busy) from None
        except TookTooLong as error:
            raise Problem("took_too_long", f"the work was stopped: {error}") from None
        except Died as error:
            _log.error("a worker was replaced: %s", error)
            raise Problem("failed", "the process that worked on it died") from None
        if isinstance(result, work.Refused):
            raise Problem(result.code, result.detail, result.remedy, result.field)
        assert isinstance(result, work.Done)
        return result

    def pack(self, named: str | None) -> str:
        """The name of the pack asked for.

        Raises
        ------
        Problem
            If the service does not offer it.
        """
        if named is None:
            return self.default
        if named not in self.packs:
            raise Problem(
                "invalid",
                f"the service offers no pack {named[:80]!r}",
                f"there are: {', '.join(self.packs)}",
                "pack",
            )
        return named

    def refuse_early(self) -> None:
        """Turn a request away before its pictures are kept.

        Raises
        ------
        Problem
            If it could not wait for a worker.
        """
        if self.workers.full:
            raise _busy(self.workers.busy())


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application; `serve` runs it behind the server that it is made for.

    Another server works as well, without the limits on silent connections.

    Parameters
    ----------
    settings
        How it works; the default is for this machine alone.

    Raises
    ------
    PackError, InvalidInput
        As `Service`.
    """
    service = Service(settings or Settings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await service.workers.open()
        except RenzhengError as error:
            service.failure = error  # the server does not pass it on
            raise
        try:
            yield
        finally:
            await service.workers.close()
            if service.log is not None:
                service.log.close()

    app = FastAPI(
        title="renzheng",
        version=__version__,
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # to whatever the request calls this host
        lifespan=lifespan,
    )
    app.state.service = service
    _add_problems(app)
    _add_state(app, service)
    _add_work(app, service)
    _add_page(app)
    app.add_middleware(
        Guard,
        hosts=service.settings.hosts,
        keys=service.keys,
        metrics=service.metrics,
        routes=_ROUTES,
    )
    _add_document(app, service)
    return app


# --- problems --------------------------------------------------------------------------------


def _add_problems(app: FastAPI) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _Reply(error)

    async def status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = of_status(error.status_code, str(error.detail))
        told.headers = dict(error.headers or {})
        return _Reply(told)

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, status)


class _Reply(Response):
    """A problem as a response."""

    def __init__(self, problem: Problem):
        super().__init__(b"", problem.status)
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await reply(self._problem, send)


def _busy(busy: Busy) -> Problem:
    return Problem(
        "busy",
        "more requests wait than may",
        f"try again in {busy.seconds} s",
        headers={"Retry-After": str(busy.seconds)},
    )


# --- state -----------------------------------------------------------------------------------


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["state"], response_model=replies.State, summary="Is it alive?")
    async def healthz() -> Any:
        return {"status": "ok", "version": __version__}

    @app.get(
        "/readyz",
        tags=["state"],
        response_model=replies.State,
        responses=_problems("not_ready"),
        summary="Can it compare?",
    )
    async def readyz() -> Any:
        if not service.workers.ready:
            raise Problem("not_ready", "no worker is there", headers={"Retry-After": "2"})
        return {"status": "ok", "version": __version__}

    @app.get(
        "/metrics",
        tags=["state"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        summary="Counters for Prometheus",
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=METRICS_TYPE)

    @app.get("/v1/packs", tags=["packs"], response_model=replies.Packs, summary="What is offered")
    async def offered() -> Any:
        return {
            "packs": [
                *(
                    _told(pack, service.calibrations[name], name == service.default)
                    for name, pack in service.packs.items()
                ),
                *(_told(pack, None, True) for pack in service.others),
            ],
            "policy": service.settings.policy.to_dict(),
            "max_upload": service.settings.max_upload,
        }


def _told(pack: Pack, calibration: Calibration | None, default: bool) -> dict[str, Any]:
    return {
        "name": pack.name,
        "version": pack.version,
        "digest": pack.digest,
        "kind": pack.kind,
        "default": default,
        "dimension": pack.manifest.get("embedding", {}).get("dimension"),
        "resolution": None if calibration is None else calibration.resolution,
        "description": str(pack.manifest.get("description", "")),
        "licence": str(pack.manifest.get("licence", "")),
    }


def _calibration(pack: Pack) -> Calibration:
    if "calibration.json" not in pack.manifest["files"]:
        raise InvalidInput(
            f"the pack {pack.name} has no calibration, so no policy can be applied",
            remedy="calibrate it: renzheng evaluate pairs ... --recalibrate",
        )
    return Calibration.load(pack.file("calibration.json"))


# --- work ------------------------------------------------------------------------------------

_PICTURE = {"picture": "the picture"}
_PAIR = {"reference": "the picture on record", "probe": "the picture to check"}


def _add_work(app: FastAPI, service: Service) -> None:
    @app.post("/v1/verify", **_documented(replies.Verification, options.VerifyOptions, _PAIR))
    async def verify(request: Request) -> Response:
        """Compare a picture on record with one to check."""
        async with _form(request, service) as form:
            said = options.read(options.VerifyOptions, form, _PAIR)
            task = work.Verify(
                form.files["reference"],
                form.files["probe"],
                service.pack(said.pack),
                said.policy(service.settings.policy),
                said.both_roles(),
                said.display,
            )
            done = await service.do(request, task)
            service.metrics.compared(done.facts)
            if service.log is not None:
                _note(service.log, request, form, done)
        return _json(done)

    @app.post("/v1/detect", **_documented(replies.Detection, options.DetectOptions, _PICTURE))
    async def detect(request: Request) -> Response:
        """Find all faces of a picture."""
        async with _form(request, service) as form:
            said = options.read(options.DetectOptions, form, _PICTURE)
            return _json(
                await service.do(
                    request, work.Detect(form.files["picture"], service.pack(said.pack))
                )
            )

    @app.post("/v1/quality", **_documented(replies.Quality, options.RoleOptions, _PICTURE))
    async def quality(request: Request) -> Response:
        """Measure the face that a picture is about, and say what speaks against it."""
        async with _form(request, service) as form:
            said = options.read(options.RoleOptions, form, _PICTURE)
            pack, role = service.pack(said.pack), said.role or Role.LIVE
            task = work.Quality(form.files["picture"], pack, role)
            return _json(await service.do(request, task))

    @app.post("/v1/embed", **_documented(replies.Embedding, options.RoleOptions, _PICTURE))
    async def embed(request: Request) -> Response:
        """Turn the face that a picture is about into an embedding, which is personal data."""
        async with _form(request, service) as form:
            said = options.read(options.RoleOptions, form, _PICTURE)
            pack, role = service.pack(said.pack), said.role or Role.PHOTO
            task = work.Embed(form.files["picture"], pack, role)
            return _json(await service.do(request, task))


@asynccontextmanager
async def _form(request: Request, service: Service) -> AsyncIterator[Form]:
    """The form of a request that will be worked on."""
    try:
        service.refuse_early()
        async with service.uploads.form(request) as form:
            yield form
    except Problem as problem:
        if problem.code in ("busy", "too_large") and "expect" not in request.headers:
            await service.uploads.drain(request)
        raise
    except ClientDisconnect:
        raise Problem("bad_request", "the client went away") from None


async def _while_there(request: Request, doing: Coroutine[Any, Any, Result]) -> Result:
    """A result, unless the client goes away first: nobody waits in its place then."""

    async def gone() -> None:
        # The body has been read: what comes next is the end of the connection.
        while (await request.receive())["type"] != "http.disconnect":
            pass

    work_, leaving = asyncio.ensure_future(doing), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({work_, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not work_.done():
            raise ClientDisconnect
        return work_.result()
    finally:
        for each in (work_, leaving):
            if not each.done():
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await each


def _note(log: DecisionLog, request: Request, form: Form, done: work.Done) -> None:
    state = request.scope["state"]
    try:
        log.note(state["request"], state["key"], form.files, done.facts)
    except OSError as error:
        # A log that was asked for is a duty: no decision without its line.
        _log.error("the decision log cannot be written: %s", error.strerror or error)
        raise Problem("log_failed", "the decision log cannot be written") from None


def _json(done: work.Done) -> Response:
    return Response(done.body, media_type="application/json")


def _documented(
    model: type[BaseModel], said: type[BaseModel], files: dict[str, str]
) -> dict[str, Any]:
    """How a route that takes a form stands in the OpenAPI document."""
    schema = said.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    properties = {
        **{
            name: {
                "type": "string",
                "format": "binary",
                "description": f"{what}: JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC",
            }
            for name, what in files.items()
        },
        **{name: _inlined(each, definitions) for name, each in schema["properties"].items()},
    }
    form = {
        "type": "object",
        "additionalProperties": False,
        "required": list(files),
        "properties": properties,
    }
    refusals = ("unreadable", "no_face") if "picture" in files else ("log_failed",)
    return {
        "tags": ["work"],
        "response_model": model,
        "responses": _problems(*_UPLOAD, *_WORK, *refusals),
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": form}},
            }
        },
    }


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A field's schema: an optional field is left out, never null."""
    told = {k: v for k, v in schema.items() if k not in ("anyOf", "title", "default")}
    for choice in schema.get("anyOf", ()):
        if "$ref" in choice:
            choice = definitions[choice["$ref"].rpartition("/")[2]]
        if choice.get("type") != "null":
            told = {**choice, **told}
    if told.get("type") == "boolean":
        told = {**told, "type": "string", "enum": ["true", "false"]}
    return told


def _problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Documented problems, by status."""
    told: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = KINDS[code]
        entry = told.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        entry["description"] = "; ".join(filter(None, (entry["description"], kind.title)))
        entry["content"][MEDIA_TYPE]["examples"][code] = {
            "value": Problem(code, kind.title).to_dict()
        }
    for status in (408, 503):
        if status in told:
            told[status]["headers"] = {
                "Retry-After": {
                    "description": "seconds after which it is worth trying again",
                    "schema": {"type": "integer"},
                }
            }
    return told


# --- page and document -----------------------------------------------------------------------


def _add_page(app: FastAPI) -> None:
    folder = package_files("renzheng.apps.service") / "page"
    # Read once: nothing that a request says becomes a path.
    content = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.is_file() and _suffix(entry.name) in _TYPES
    }

    def serve(name: str) -> Response:
        if name not in content:
            raise Problem("not_found", "there is no such page")
        return Response(content[name], media_type=_TYPES[_suffix(name)])

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return serve("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        return serve(name)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _add_document(app: FastAPI, service: Service) -> None:
    document = _document(app, service)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Any:
        return document

    app.openapi = lambda: document  # type: ignore[method-assign]


def _document(app: FastAPI, service: Service) -> dict[str, Any]:
    told = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info=app.license_info,
    )
    schemas = told.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = replies.Problem.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, methods in told["paths"].items():
        for operation in methods.values():
            _tell_offer(operation, service)
            guarded = path not in ("/healthz", "/readyz")
            codes = ("bad_request", "wrong_host", *(("cross_site",) if guarded else ()))
            if service.keys is not None and guarded:
                codes = (*codes, "key_wanted")
                operation["security"] = [{"key": []}]
            for status, entry in _problems(*codes).items():
                operation["responses"].setdefault(str(status), entry)
    if service.keys is not None:
        told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return told


def _tell_offer(operation: dict[str, Any], service: Service) -> None:
    """Narrow the fields of a form down to what this service takes."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        properties = content["schema"]["properties"]
        properties["pack"]["enum"] = list(service.packs)
        if "max_fmr" in properties:
            lowest = min(each.resolution for each in service.calibrations.values())
            properties["max_fmr"]["minimum"] = lowest
            properties["max_fmr"].pop("exclusiveMinimum", None)
        if service.settings.liveness is None:
            properties.pop("min_liveness", None)
