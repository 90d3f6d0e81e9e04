"""The routes: each reads a form, hands the work to a worker process and returns its reply."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from renzheng import __version__
from renzheng.apps.service import openapi, options, replies, tasks
from renzheng.apps.service.decision_log import DecisionLog
from renzheng.apps.service.metrics import MEDIA_TYPE as METRICS_TYPE
from renzheng.apps.service.problems import Problem
from renzheng.apps.service.service import Service
from renzheng.apps.service.uploads import Form
from renzheng.models.packs import Pack
from renzheng.types import Role
from renzheng.verification.calibration import Calibration

_log = logging.getLogger("renzheng.service")

# The paths that are counted and logged under their own names.
PATHS = frozenset(
    {
        *("/", "/v1/verify", "/v1/detect", "/v1/quality", "/v1/embed", "/v1/packs"),
        *("/healthz", "/readyz", "/metrics", "/openapi.json"),
    }
)
_PICTURE = {"picture": "the picture"}
_PAIR = {"reference": "the picture on record", "probe": "the picture to check"}


def add_state(app: FastAPI, service: Service) -> None:
    """Add the routes that tell the state of the service and the packs that it offers."""

    @app.get("/healthz", tags=["state"], response_model=replies.State, summary="Is it alive?")
    async def healthz() -> Any:
        return {"status": "ok", "version": __version__}

    @app.get(
        "/readyz",
        tags=["state"],
        response_model=replies.State,
        responses=openapi.problem_responses("not_ready"),
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
                    _described(pack, service.calibrations[name], name == service.default)
                    for name, pack in service.packs.items()
                ),
                *(_described(pack, None, True) for pack in service.others),
            ],
            "policy": service.settings.policy.to_dict(),
            "max_upload": service.settings.max_upload,
        }


def _described(pack: Pack, calibration: Calibration | None, default: bool) -> dict[str, Any]:
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


def add_work(app: FastAPI, service: Service) -> None:
    """Add the routes that work on pictures."""

    @app.post(
        "/v1/verify", **openapi.form_route(replies.Verification, options.VerifyOptions, _PAIR)
    )
    async def verify(request: Request) -> Response:
        """Compare a picture on record with one to check."""
        async with _form(request, service) as form:
            asked = options.read(options.VerifyOptions, form, _PAIR)
            task = tasks.Verify(
                form.files["reference"],
                form.files["probe"],
                service.pack(asked.pack),
                asked.policy(service.settings.policy),
                asked.both_roles(),
                asked.display,
            )
            done = await service.do(request, task)
            service.metrics.compared(done.facts)
            if service.log is not None:
                _log_decision(service.log, request, form, done)
        return _json(done)

    @app.post(
        "/v1/detect", **openapi.form_route(replies.Detection, options.DetectOptions, _PICTURE)
    )
    async def detect(request: Request) -> Response:
        """Find all faces of a picture."""
        async with _form(request, service) as form:
            asked = options.read(options.DetectOptions, form, _PICTURE)
            task = tasks.Detect(form.files["picture"], service.pack(asked.pack))
            return _json(await service.do(request, task))

    @app.post("/v1/quality", **openapi.form_route(replies.Quality, options.RoleOptions, _PICTURE))
    async def quality(request: Request) -> Response:
        """Measure the face that a picture is about, and say what speaks against it."""
        async with _form(request, service) as form:
            asked = options.read(options.RoleOptions, form, _PICTURE)
            pack, role = service.pack(asked.pack), asked.role or Role.LIVE
            task = tasks.Quality(form.files["picture"], pack, role)
            return _json(await service.do(request, task))

    @app.post("/v1/embed", **openapi.form_route(replies.Embedding, options.RoleOptions, _PICTURE))
    async def embed(request: Request) -> Response:
        """Turn the face that a picture is about into an embedding, which is personal data."""
        async with _form(request, service) as form:
            asked = options.read(options.RoleOptions, form, _PICTURE)
            pack, role = service.pack(asked.pack), asked.role or Role.PHOTO
            task = tasks.Embed(form.files["picture"], pack, role)
            return _json(await service.do(request, task))


@asynccontextmanager
async def _form(request: Request, service: Service) -> AsyncIterator[Form]:
    """Read the form of a request that will be worked on."""
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


def _log_decision(log: DecisionLog, request: Request, form: Form, done: tasks.Done) -> None:
    state = request.scope["state"]
    try:
        log.append(state["request"], state["key"], form.files, done.facts)
    except OSError as error:
        # Whoever asks for a log relies on it: no decision is returned without its line.
        _log.error("the decision log cannot be written: %s", error.strerror or error)
        raise Problem("log_failed", "the decision log cannot be written") from None


def _json(done: tasks.Done) -> Response:
    return Response(done.body, media_type="application/json")
