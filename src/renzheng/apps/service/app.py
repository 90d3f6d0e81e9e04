"""The ASGI application of the service: its routes, its middleware and its lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from renzheng import __version__
from renzheng.apps.service import openapi, problem_responses, routes, static_page
from renzheng.apps.service.guard import Guard
from renzheng.apps.service.service import Service
from renzheng.apps.service.settings import Settings
from renzheng.errors import RenzhengError

_DESCRIPTION = """\
Says whether the face on an ID document and a live face are the same person, how sure it is, and
why.

Pictures are sent as files of a form (multipart/form-data). Nothing is stored: they live in memory
for the length of the request. Addresses and paths are never opened.

A picture that cannot be read, or shows no face, is a result where two are compared (decision
`not_comparable`), and a problem (422) elsewhere. Problems are told as RFC 9457 says, with a stable
`code`.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service as an ASGI application.

    `serve` runs it behind uvicorn with limits on silent connections; other ASGI servers work as
    well, without those limits.

    Parameters
    ----------
    settings
        The settings of the service; the default serves this machine alone.

    Raises
    ------
    PackError, InvalidInput
        As for `Service`.
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
        redirect_slashes=False,  # a redirect would go to whatever host the request names
        lifespan=lifespan,
    )
    app.state.service = service
    problem_responses.add_handlers(app)
    routes.add_state(app, service)
    routes.add_work(app, service)
    static_page.add(app)
    app.add_middleware(
        Guard,
        hosts=service.settings.hosts,
        keys=service.keys,
        metrics=service.metrics,
        routes=routes.PATHS,
    )
    openapi.add(app, service)
    return app
