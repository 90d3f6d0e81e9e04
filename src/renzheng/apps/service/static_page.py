"""The web page: its files are read once and served from memory."""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import FastAPI, Response

from renzheng.apps.service.problems import Problem

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


def add(app: FastAPI) -> None:
    """Add the routes of the page and its parts."""
    folder = files("renzheng.apps.service") / "page"
    # Read once: nothing in a request ever becomes a path.
    content = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.is_file() and _suffix(entry.name) in _MEDIA_TYPES
    }

    def serve(name: str) -> Response:
        if name not in content:
            raise Problem("not_found", "there is no such page")
        return Response(content[name], media_type=_MEDIA_TYPES[_suffix(name)])

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return serve("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        return serve(name)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix
