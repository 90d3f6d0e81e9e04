"""Sending problems: as raw ASGI messages and as the application's exception handlers."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from renzheng.apps.service.problems import MEDIA_TYPE, Problem, of_status


async def send_problem(problem: Problem, send: Send) -> None:
    """Send a problem as the whole reply."""
    body = problem.body()
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in problem.headers.items()},
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def add_handlers(app: FastAPI) -> None:
    """Answer `Problem` and plain HTTP errors with problem details (RFC 9457)."""

    async def handle_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _ProblemResponse(error)

    async def handle_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = of_status(error.status_code, str(error.detail))
        problem.headers = dict(error.headers or {})
        return _ProblemResponse(problem)

    app.add_exception_handler(Problem, handle_problem)
    app.add_exception_handler(HTTPException, handle_status)


class _ProblemResponse(Response):
    """A problem as a response."""

    def __init__(self, problem: Problem):
        super().__init__(b"", problem.status)
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_problem(self._problem, send)
