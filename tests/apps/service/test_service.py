"""The service as programs meet it: what it replies, and that it is what the library says."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from running_service import Running

from renzheng import Policy, Verifier
from renzheng.apps.service import replies

pytestmark = pytest.mark.usefixtures("service")


def post(service: Running, path: str, files: dict[str, Any], **fields: Any) -> httpx.Response:
    return httpx.post(
        service.url + path,
        files={name: ("x", content) for name, content in files.items()},
        data=fields,
        timeout=60,
    )


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


def named(content: bytes, name: str) -> io.BytesIO:
    stream = io.BytesIO(content)
    stream.name = name
    return stream


def without_times(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "timings_ms"}


@pytest.mark.parametrize("roles", ["document,live", "photo,photo", "photo,live"])
def test_the_reply_is_what_the_library_says(
    service: Running, portrait: bytes, again: bytes, verifier: Verifier, roles: str
) -> None:
    pictures = {"reference": portrait, "probe": again}
    response = post(service, "/v1/verify", pictures, roles=roles, max_fmr="1e-3")
    assert response.status_code == 200
    fitting = verifier.with_roles(tuple(roles.split(","))).with_policy(Policy(max_fmr=1e-3))
    wanted = fitting.verify(named(portrait, "reference"), named(again, "probe")).to_dict()
    assert without_times(response.json()) == without_times(wanted)
    assert response.json()["timings_ms"].keys() == wanted["timings_ms"].keys()


def test_replies_and_their_types_say_the_same(
    service: Running, portrait: bytes, again: bytes, blank: bytes
) -> None:
    for pictures in (
        {"reference": portrait, "probe": again},
        {"reference": portrait, "probe": blank},
        {"reference": b"text", "probe": again},
    ):
        for display in ("true", "false"):
            told = post(service, "/v1/verify", pictures, display=display).json()
            typed = replies.Verification.model_validate(told).model_dump(mode="json")
            if display == "false":
                assert typed.pop("display") is None
            for name in ("liveness", "liveness_version", "liveness_digest"):
                typed["pack"].pop(name)
            assert typed == told
    for path, kind in (
        ("/v1/detect", replies.Detection),
        ("/v1/quality", replies.Quality),
        ("/v1/embed", replies.Embedding),
    ):
        told = post(service, path, {"picture": portrait}).json()
        assert kind.model_validate(told).model_dump(mode="json") == told
    told = httpx.get(service.url + "/v1/packs").json()
    assert replies.Packs.model_validate(told).model_dump(mode="json") == told


def test_a_picture_of_nobody_is_a_result_where_two_are_compared(
    service: Running, portrait: bytes, blank: bytes
) -> None:
    told = post(service, "/v1/verify", {"reference": portrait, "probe": blank}).json()
    assert told["decision"] == "not_comparable"
    assert told["distance"] is None
    assert [w["code"] for w in told["warnings"] if w["effect"] == "refusal"] == ["no_face"]
    told = post(service, "/v1/verify", {"reference": b"\xff\xd8\xff", "probe": portrait}).json()
    assert told["decision"] == "not_comparable"
    assert told["reference"]["error"]
    assert told["reference"]["size"] is None


@pytest.mark.parametrize("path", ["/v1/detect", "/v1/quality", "/v1/embed"])
def test_text_is_no_picture(service: Running, path: str) -> None:
    response = post(service, path, {"picture": b"no picture"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (told["code"], told["field"], told["status"]) == ("unreadable", "picture", 422)
    assert "JPEG" in told["remedy"]


@pytest.mark.parametrize("path", ["/v1/quality", "/v1/embed"])
def test_nobody_cannot_be_measured(service: Running, blank: bytes, path: str) -> None:
    response = post(service, path, {"picture": blank})
    assert (response.status_code, response.json()["code"]) == (422, "no_face")
    assert post(service, "/v1/detect", {"picture": blank}).json()["faces"] == []


def test_an_embedding_is_the_librarys(
    service: Running, portrait: bytes, verifier: Verifier
) -> None:
    import numpy as np

    told = post(service, "/v1/embed", {"picture": portrait}).json()
    sent = np.array(told["embedding"], np.float32)
    assert np.array_equal(sent, verifier.embed(portrait))
    assert told["pack"]["digest"] == verifier.pack.digest


def test_what_a_page_shows_comes_when_asked_for(
    service: Running, portrait: bytes, again: bytes
) -> None:
    import base64

    from PIL import Image as Pillow

    pictures = {"reference": portrait, "probe": again}
    shown = post(service, "/v1/verify", pictures, display="true").json()["display"]
    assert "display" not in post(service, "/v1/verify", pictures).json()
    for side, size in (("reference", (512, 512)), ("probe", (380, 380))):
        for part, wanted in (("picture", size), ("crop", (112, 112))):
            head, _, code = shown[side][part].partition(",")
            assert head == "data:image/jpeg;base64"
            assert Pillow.open(io.BytesIO(base64.b64decode(code))).size == wanted
        assert shown[side]["scale"] == 1
    curves = shown["distributions"]
    assert len(curves["distance"]) == len(curves["genuine"]) == len(curves["impostor"])
    assert max(*curves["genuine"], *curves["impostor"]) == 1
    assert 0 < curves["match"] < curves["no_match"] < curves["distance"][-1] <= 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_fmr": "abc"}, "max_fmr"),
        ({"max_fmr": "nan"}, "max_fmr"),
        ({"max_fmr": "0"}, "max_fmr"),
        ({"max_fmr": "1e-9"}, None),
        ({"max_fmr": ["1e-4", "1e-3"]}, "max_fmr"),
        ({"inconclusive": "0.5"}, "inconclusive"),
        ({"inconclusive": "inf"}, "inconclusive"),
        ({"roles": "live,document"}, "roles"),
        ({"roles": "document"}, "roles"),
        ({"pack": "../../etc"}, "pack"),
        ({"pack": "mtcnn"}, "pack"),
        ({"min_quality": "live.beauty=3"}, "min_quality"),
        ({"min_quality": "sharpness"}, "min_quality"),
        ({"min_liveness": "0.5"}, None),
        ({"allow_same_picture": "perhaps"}, "allow_same_picture"),
        ({"url": "http://127.0.0.1/x.jpg"}, "url"),
    ],
)
def test_values_that_are_not_accepted_are_named(
    service: Running, portrait: bytes, fields: dict[str, Any], field: str | None
) -> None:
    pictures = {"reference": portrait, "probe": portrait}
    response = post(service, "/v1/verify", pictures, **fields)
    told = response.json()
    assert (response.status_code, told["code"]) == (422, "invalid")
    assert told.get("field") == field
    assert told["detail"]


@pytest.mark.parametrize("text", ["/etc/passwd", "http://127.0.0.1:1/a.jpg", "file:///etc/passwd"])
def test_no_path_and_no_address_is_a_picture(service: Running, portrait: bytes, text: str) -> None:
    response = httpx.post(
        service.url + "/v1/verify", files={"reference": ("x", portrait)}, data={"probe": text}
    )
    told = response.json()
    assert (response.status_code, told["field"]) == (422, "probe")
    assert "never opened" in told["remedy"]
    # As a file's name it is not even looked at.
    files = {"reference": (text, portrait), "probe": (text, b"no picture")}
    told = httpx.post(service.url + "/v1/verify", files=files).json()
    assert told["decision"] == "not_comparable"
    assert text not in json.dumps(told)


def test_missing_and_unknown_pictures_are_named(service: Running, portrait: bytes) -> None:
    told = post(service, "/v1/verify", {"reference": portrait}).json()
    assert (told["field"], told["status"]) == ("probe", 422)
    told = post(service, "/v1/detect", {"picture": portrait, "other": b"x"}).json()
    assert (told["field"], told["status"]) == ("other", 422)


def test_policies_of_a_request_decide(service: Running, portrait: bytes, again: bytes) -> None:
    pictures = {"reference": portrait, "probe": again}
    told = post(service, "/v1/verify", pictures).json()
    assert told["decision"] == "inconclusive"  # one photograph
    told = post(service, "/v1/verify", pictures, allow_same_picture="true").json()
    assert told["decision"] == "match"
    told = post(
        service, "/v1/verify", pictures,
        min_quality=["live.inter_eye_distance=90", "document.sharpness=1"],
    ).json()  # fmt: skip
    assert told["decision"] == "not_comparable"
    assert told["policy"]["min_live_quality"] == {"inter_eye_distance": 90}


def test_replies_tell_browsers_to_be_careful(service: Running) -> None:
    for path in ("/healthz", "/v1/packs", "/nothing"):
        headers = httpx.get(service.url + path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_only_known_hosts_and_this_site_may_ask(service: Running) -> None:
    def ask(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(service.url + "/v1/packs", headers=named).status_code

    assert ask() == 200
    assert ask(host=f"localhost:{service.port}") == 200
    assert ask(host="evil.example") == 421
    assert ask(host=f"127.0.0.1.evil.example:{service.port}") == 421
    for odd in ("[::1]evil.example", "localhost:evil", "a@localhost", "localhost:1:2", "[::1", ""):
        assert ask(host=odd) == 421
    assert ask(host="[::1]:80") == 200
    assert ask(sec_fetch_site="cross-site") == 403
    assert ask(sec_fetch_site="same-origin") == 200
    assert ask(origin=f"http://127.0.0.1:{service.port}") == 200
    for other in ("http://evil.example", "null", f"http://localhost:{service.port}", ""):
        assert ask(origin=other) == 403


def test_unknown_places_and_methods_are_problems(service: Running) -> None:
    for method, path, status in (
        ("GET", "/v2/verify", 404),
        ("GET", "/v1/verify", 405),
        ("DELETE", "/v1/packs", 405),
        ("POST", "/", 405),
        ("GET", "/page/..%2F..%2Fapp.py", 404),
        ("GET", "/page/%2e%2e/app.py", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/packs/", 404),
    ):
        response = httpx.request(method, service.url + path)
        assert (response.status_code, response.json()["status"]) == (status, status), path
        assert response.headers["content-type"] == "application/problem+json"
    assert "POST" in httpx.get(service.url + "/v1/verify").headers["allow"]


def test_what_is_counted(service: Running, portrait: bytes, again: bytes) -> None:
    def count(name: str) -> float:
        text = httpx.get(service.url + "/metrics").text
        values = [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)]
        return values[0] if values else 0.0

    before = count('renzheng_decisions_total{decision="inconclusive"}')
    post(service, "/v1/verify", {"reference": portrait, "probe": again})
    assert count('renzheng_decisions_total{decision="inconclusive"}') == before + 1
    assert count("renzheng_workers ") == 1
    assert count("renzheng_queue ") == 0
    assert count("renzheng_upload_bytes ") == 0
    assert count('renzheng_findings_total{code="same_picture"}') > 0
    httpx.get(service.url + "/a/path/with/a/name")
    assert "with/a/name" not in httpx.get(service.url + "/metrics").text


def test_the_document_describes_every_route(service: Running) -> None:
    document = httpx.get(service.url + "/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/verify", "/v1/detect", "/v1/quality", "/v1/embed", "/v1/packs",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    verify = document["paths"]["/v1/verify"]["post"]
    form = verify["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["reference", "probe"]
    assert form["properties"]["probe"]["format"] == "binary"
    for status in ("400", "408", "413", "415", "422", "500", "503", "403", "421"):
        (content,) = verify["responses"][status]["content"].values()
        for example in content["examples"].values():
            replies.Problem.model_validate(example["value"])
            assert example["value"]["status"] == int(status)
