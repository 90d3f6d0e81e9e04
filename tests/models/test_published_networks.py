"""The catalogue: networks that others publish, fetched on request from a server on this machine."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from renzheng import Pack, PackError
from renzheng.apps.cli import main
from renzheng.faces.embedding import Embedder
from renzheng.models import packs
from renzheng.models.converters import downloads, presets
from renzheng.models.packs import published

NAME = "auraface"
Handle = Callable[[BaseHTTPRequestHandler], None]


def network_of_an_exporter() -> bytes:
    """A network with an exporter's names and a fixed batch: (1, 3, 112, 112) to (1, 512)."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(512, 3, 16, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input.1", "w"], ["c"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["683"]),
    ]
    given = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, 112, 112])
    made = helper.make_tensor_value_info("683", TensorProto.FLOAT, [1, 512])
    graph = helper.make_graph(
        nodes, "made-up", [given], [made], [numpy_helper.from_array(weights, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


CONTENT = network_of_an_exporter()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a catalogue whose `NAME` and ``arcface-r50`` are `CONTENT`."""
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    digest = hashlib.sha256(CONTENT).hexdigest()
    known = dict(published.networks())
    for name in (NAME, "arcface-r50"):
        known[name] = replace(known[name], sha256=digest, base="http://127.0.0.1:9/")
    monkeypatch.setattr(published, "networks", lambda: known)
    return tmp_path / "cache"


@pytest.fixture
def serve() -> Iterator[Callable[[Handle], str]]:
    """Starts a server that answers as told, and gives its address."""
    servers = []

    def start(handle: Handle) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                handle(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, content: bytes = CONTENT, length: int = 0) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length or len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def found_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def quiet(_: str) -> None:
    pass


def test_the_catalogue_states_what_is_needed_of_every_network() -> None:
    networks = published.networks()
    wanted = {"sface-float", "auraface", "arcface-r50", "arcface-mbf", "adaface-ir101"}
    assert wanted | {"edgeface-xs", "facenet-vggface2"} <= set(networks)
    assert not set(networks) & set(packs.names())
    for name, network in networks.items():
        assert re.fullmatch(r"[0-9a-f]{64}", network.sha256)
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert network.base.startswith("https://")
        assert network.base.endswith("/")
        assert network.terms in ("open", "non-commercial", "unstated")
        assert network.format in ("onnx", "torch")
        assert presets.get(network.preset)
        assert network.licence
        assert network.data_licence
        assert bool(network.accuracy) == bool(network.accuracy_source)
    assert not networks["arcface-r50"].is_open
    assert not networks["adaface-ir101"].is_open  # nobody states a licence
    assert len({network.sha256 for network in networks.values()}) == len(networks)


def test_what_is_fetched_becomes_a_pack(cache: Path, serve: Callable[[Handle], str]) -> None:
    asked: list[str] = []

    def handle(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler)

    with pytest.raises(PackError, match=f"not here.*renzheng packs add {NAME}"):
        packs.load(NAME)
    lines: list[str] = []
    pack = published.add(NAME, base=serve(handle), progress=lines.append)
    assert asked == ["/glintr100.onnx"]
    assert [line.split()[0] for line in lines] == ["fetching", "making"]
    assert (pack.name, pack.kind) == (NAME, "embedder")
    assert pack.manifest["licence"] == "Apache-2.0"
    assert pack.manifest["provenance"]["weights_sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert any("Nobody of this project has run it" in limit for limit in pack.manifest["limits"])
    assert packs.load(NAME).digest == pack.digest
    assert packs.built(NAME) is not None
    embedder = Embedder.from_pack(packs.load(NAME), threads=1)
    assert embedder.embed(np.zeros((2, 112, 112, 3), np.uint8)).shape == (2, 512)
    assert published.add(NAME, progress=quiet).digest == pack.digest  # kept: nothing is fetched
    assert len(asked) == 1


def _other(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"<html>log in</html>")


def _half(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT[: len(CONTENT) // 2], len(CONTENT))


def _half_without_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def _missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def _elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://localhost:9/glintr100.onnx")
    handler.end_headers()


def _to_a_file(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/passwd")
    handler.end_headers()


def _silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (_other, "not the one wanted: its SHA-256 begins"),
        (_half, r"ended early, after \d+ of \d+ bytes"),
        (_half_without_length, "not the one wanted"),
        (_missing, "answers 404"),
        (_elsewhere, "sends us elsewhere, to 'http://localhost:9/glintr100.onnx'"),
        (_to_a_file, "cannot be fetched|answers 302"),
        (_silent, "timed out"),
    ],
)
def test_a_refused_file_says_why_and_leaves_nothing(
    cache: Path, serve: Callable[[Handle], str], handle: Handle, reason: str
) -> None:
    address = serve(handle)
    with pytest.raises(PackError, match=reason) as caught:
        published.add(NAME, base=address, timeout=0.5, progress=quiet)
    assert str(caught.value.source).startswith(address)
    assert f"renzheng packs add {NAME} --from FILE" in str(caught.value.remedy)
    assert found_files(cache) == []
    assert packs.built(NAME) is None


def test_a_server_may_send_on_to_itself(cache: Path, serve: Callable[[Handle], str]) -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/glintr100.onnx":
            handler.send_response(302)
            handler.send_header("Location", "/there")
            handler.end_headers()
        else:
            send(handler)

    assert published.add(NAME, base=serve(handle), progress=quiet).name == NAME


@pytest.mark.parametrize(
    ("after", "may"),
    [
        ("https://github.com/b", True),
        ("https://release-assets.githubusercontent.com/x", True),
        ("https://githubusercontent.com/x", True),
        ("https://evilgithubusercontent.com/x", False),
        ("https://githubusercontent.com.evil.org/x", False),
        ("https://githubusercontent.com@evil.org/x", False),
        ("https://objects.githubusercontent.com:8443/x", False),
        ("http://github.com/b", False),
        ("http://objects.githubusercontent.com/x", False),
        ("ftp://objects.githubusercontent.com/x", False),
    ],
)
def test_redirects_lead_to_the_publishers_places_alone(after: str, may: bool) -> None:
    assert downloads._may_follow("https://github.com/a", after, ["githubusercontent.com"]) is may


def test_a_full_disk_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    given = tmp_path / "glintr100.onnx"
    given.write_bytes(CONTENT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, before[1]))
    try:
        with pytest.raises(PackError, match=r"cannot be kept: File too large.*RENZHENG_CACHE"):
            published.add(NAME, given, progress=quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found_files(cache) == []
    assert published.add(NAME, given, progress=quiet).name == NAME


def test_a_disk_that_is_full_for_the_pack_leaves_the_file_alone(
    cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "weights").write_bytes(CONTENT)

    def full(*_: Any) -> Pack:
        raise OSError(28, "No space left on device")

    with pytest.raises(PackError, match=r"No space left on device.*RENZHENG_CACHE"):
        published.add(NAME, tmp_path / "weights", importer=full, progress=quiet)
    assert [path.parent.name for path in found_files(cache)] == ["sources"]


def test_a_file_or_its_folder_is_taken_and_another_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such file"):
        published.add(NAME, tmp_path / "none", progress=quiet)
    with pytest.raises(PackError, match="no such file"):
        published.add(NAME, tmp_path, progress=quiet)
    (tmp_path / "glintr100.onnx").write_bytes(b"another")
    with pytest.raises(PackError, match=r"not the one wanted.*name glintr100\.onnx"):
        published.add(NAME, tmp_path, progress=quiet)
    assert found_files(cache) == []
    (tmp_path / "glintr100.onnx").write_bytes(CONTENT)
    assert published.add(NAME, tmp_path, progress=quiet).name == NAME


def test_a_licence_that_is_not_open_is_accepted_by_name(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "w600k_r50.onnx"
    given.write_bytes(CONTENT)
    assert main(["packs", "add", "arcface-r50", "--from", str(given)]) == 5
    said = capsys.readouterr().err
    assert "non-commercial research only" in said
    assert f"renzheng packs add arcface-r50 --accept-licence --from {given}" in said
    assert found_files(cache) == []
    assert main(["packs", "add", "arcface-r50", "--accept-licence", "--from", str(given)]) == 0
    said = capsys.readouterr().out
    assert "licence of the weights: non-commercial" in said
    assert "limit: The licence of its weights: non-commercial" in said
    assert "renzheng calibrate --pack arcface-r50 --people FOLDER -o arcface-r50-pack" in said
    assert main(["packs", "show", "arcface-r50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "embedder"
    assert main(["packs", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["arcface-r50"]["state"] == "built"
    assert NAME not in rows


def test_a_changed_pack_is_refused(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").write_bytes(CONTENT)
    pack = published.add(NAME, tmp_path / "w", progress=quiet)
    calibrated = packs.save_as(pack, tmp_path / "own", {"calibration.json": b"{}"}, {})
    for path in calibrated.folder.iterdir():
        (pack.folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(PackError, match="is not what `renzheng packs add` makes"):
        packs.load(NAME)
    pack.folder.joinpath("pack.toml").write_bytes(b"")
    with pytest.raises(PackError, match=f"damaged.*add it again: renzheng packs add {NAME}"):
        packs.load(NAME)
    assert main(["packs", "list"]) == 0
    assert "again" in capsys.readouterr().out
    assert published.add(NAME, progress=quiet).digest == pack.digest
    cache.chmod(0o777)
    with pytest.raises(packs.UntrustedPack, match="chmod go-w"):
        packs.load(NAME)
    with pytest.raises(packs.UntrustedPack, match="chmod go-w"):
        published.add(NAME, progress=quiet)


def test_a_network_of_torch_is_given_to_the_importer(cache: Path, tmp_path: Path) -> None:
    network = published.networks()["facenet-vggface2"]
    digest = hashlib.sha256(CONTENT).hexdigest()
    published.networks()["facenet-vggface2"] = replace(network, sha256=digest)  # type: ignore[index]
    (tmp_path / "w").write_bytes(CONTENT)
    with pytest.raises(PackError, match="file of torch"):
        published.add("facenet-vggface2", tmp_path / "w", progress=quiet)

    def importer(
        network: published.PublishedNetwork, file: Path, place: Path, said: Mapping[str, Any]
    ) -> Pack:
        from renzheng.models.converters import embedder

        return embedder.import_onnx(file, place, **{**said, "size": None})

    pack = published.add("facenet-vggface2", tmp_path / "w", importer=importer, progress=quiet)
    assert pack.setting("alignment", "template") == "facenet-160"


def test_the_command_lists_and_shows(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    assert main(["packs", "catalogue", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(published.networks())
    assert rows["adaface-ir101"]["add"] == "renzheng packs add adaface-ir101 --accept-licence"
    assert rows[NAME]["run"] is False
    assert main(["packs", "catalogue"]) == 0
    assert "edgeface-xs" in capsys.readouterr().out
    assert main(["packs", "catalogue", NAME]) == 0
    said = capsys.readouterr().out
    assert published.networks()[NAME].sha256 in said
    assert "no: renzheng packs add auraface" in said
    assert main(["packs", "show", NAME]) == 0  # terms should be read before it is added
    assert capsys.readouterr().out == said
    assert main(["packs", "build", NAME]) == 5
    assert "renzheng packs add auraface" in capsys.readouterr().err
    assert main(["packs", "catalogue", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preset"] == "insightface"
    for action in ("catalogue", "add"):
        assert main(["packs", action, "aurafase"]) == 5
        assert "did you mean auraface?" in capsys.readouterr().err


def test_a_name_that_no_pack_has_leads_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, said in (
        ("sfase", r"unknown pack 'sfase' \(did you mean sface\?"),
        ("ArcFace-R50", r"did you mean arcface-r50\?"),
        ("nope", r"there are: .*mtcnn.*packs catalogue.*packs import"),
        ("", "unknown pack ''"),
    ):
        with pytest.raises(PackError, match=said):
            packs.load(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackError, match=r"holds no pack\.toml: it is empty"):
        packs.load("empty")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "my net.onnx").write_bytes(CONTENT)
    with pytest.raises(PackError, match=r"packs import 'weights/my net\.onnx' -o PACK"):
        packs.load("weights")
    with pytest.raises(PackError, match=r"this is a file.*packs import 'weights/my net\.onnx'"):
        packs.load("weights/my net.onnx")
    (tmp_path / "weights" / "inner").mkdir()
    (tmp_path / "weights" / "inner" / "pack.toml").write_text("")
    with pytest.raises(PackError, match=r"did you mean weights/inner\?"):
        packs.load("weights")
    with pytest.raises(PackError, match="name its folder: weights/inner"):
        packs.load("weights/inner/pack.toml")
    with pytest.raises(PackError, match="no such folder"):
        packs.load("./nowhere")
    with pytest.raises(PackError, match="no such file"):
        packs.load("./nowhere.onnx")
