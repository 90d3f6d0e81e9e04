"""The OpenAPI document: forms, problems and what this one service offers."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from renzheng.apps.service import replies
from renzheng.apps.service.problems import KINDS, MEDIA_TYPE, Problem
from renzheng.apps.service.service import Service
from renzheng.images.decoding import ACCEPTED

_UPLOAD = ("bad_request", "bad_multipart", "too_slow", "too_large", "wrong_content_type", "invalid")
_WORK = ("failed", "busy", "took_too_long", "not_ready")
# Schema names are public; in Python these two types have been renamed since.
_PUBLISHED_NAMES = {"FaceKind": "Part", "Severity": "Effect"}
# The published document stays as it is, byte for byte, where docstrings have been reworded since.
_PUBLISHED_DESCRIPTIONS = {
    "Decision": "What a policy makes of one comparison.",
    "Display": "What a page shows beside the numbers.",
    "Effect": "What a finding does to the decision.",
    "Measurement": "What one measure of quality says.",
    "NamedPack": "Which network.",
    "Packs": "What the service offers.",
    "Part": "What a face of a picture was taken for.",
    "Preparation": "What was done to a picture before its faces were found.",
    "Problem": "What went wrong (RFC 9457).",
    "Quality": "What speaks against a picture.",
    "Role": (
        "What a side of a comparison is a picture of, which decides which of its faces counts."
    ),
}


def add(app: FastAPI, service: Service) -> None:
    """Add the document of an application to it, after all its routes."""
    document = _document(app, service)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Any:
        return document

    app.openapi = lambda: document  # type: ignore[method-assign]


def form_route(
    reply: type[BaseModel], options: type[BaseModel], files: dict[str, str]
) -> dict[str, Any]:
    """Return the keyword arguments that document a route which takes a form.

    Parameters
    ----------
    reply
        The model of the reply.
    options
        The model of the form's text fields.
    files
        The form's picture fields, with a description of each.
    """
    schema = options.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    properties = {
        **{
            name: {
                "type": "string",
                "format": "binary",
                "description": f"{description}: {ACCEPTED}",
            }
            for name, description in files.items()
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
        "response_model": reply,
        "responses": problem_responses(*_UPLOAD, *_WORK, *refusals),
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": form}},
            }
        },
    }


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema without references; an optional field is left out, never null."""
    inlined = {k: v for k, v in schema.items() if k not in ("anyOf", "title", "default")}
    for choice in schema.get("anyOf", ()):
        if "$ref" in choice:
            choice = definitions[choice["$ref"].rpartition("/")[2]]
        if choice.get("type") != "null":
            inlined = {**choice, **inlined}
    if inlined.get("type") == "boolean":
        inlined = {**inlined, "type": "string", "enum": ["true", "false"]}
    return inlined


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of these problems, by HTTP status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = KINDS[code]
        entry = responses.setdefault(
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
        if status in responses:
            responses[status]["headers"] = {
                "Retry-After": {
                    "description": "seconds after which it is worth trying again",
                    "schema": {"type": "integer"},
                }
            }
    return responses


def _document(app: FastAPI, service: Service) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info=app.license_info,
    )
    document = _with_published_names(document)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = replies.Problem.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, description in _PUBLISHED_DESCRIPTIONS.items():
        schemas[name]["description"] = description
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _narrow(operation, service)
            guarded = path not in ("/healthz", "/readyz")
            codes = ("bad_request", "wrong_host", *(("cross_site",) if guarded else ()))
            if service.keys is not None and guarded:
                codes = (*codes, "key_wanted")
                operation["security"] = [{"key": []}]
            for status, entry in problem_responses(*codes).items():
                operation["responses"].setdefault(str(status), entry)
    if service.keys is not None:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document


def _with_published_names(document: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(document)
    for name, published in _PUBLISHED_NAMES.items():
        text = text.replace(f'"{name}"', f'"{published}"')
        text = text.replace(f'/schemas/{name}"', f'/schemas/{published}"')
    renamed: dict[str, Any] = json.loads(text)
    components = renamed["components"]
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return renamed


def _narrow(operation: dict[str, Any], service: Service) -> None:
    """Narrow the fields of a form down to the values that this service takes."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        properties = content["schema"]["properties"]
        properties["pack"]["enum"] = list(service.packs)
        if "max_fmr" in properties:
            lowest = min(each.resolution for each in service.calibrations.values())
            properties["max_fmr"]["minimum"] = lowest
            properties["max_fmr"].pop("exclusiveMinimum", None)
        if service.settings.liveness is None:
            properties.pop("min_liveness", None)
