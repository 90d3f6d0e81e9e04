"""Whatever computes the networks, the answers are the same; and each choice is what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from renzheng import InvalidInput, PackError, Verifier
from renzheng.apps.cli import main
from renzheng.evaluation.acquisition import Extraction
from renzheng.models.packs import Pack
from renzheng.models.runtime import (
    BACKENDS,
    PROCESSOR_BACKENDS,
    VARIABLE,
    Network,
    choose_backend,
    compiled,
    is_installed,
    loading,
)

without_openvino = pytest.mark.skipif(
    not is_installed("openvino"), reason="needs OpenVINO: pip install 'renzheng[openvino]'"
)
each_backend = pytest.mark.parametrize(
    "backend", ["onnxruntime", pytest.param("openvino", marks=without_openvino)]
)


@pytest.fixture(autouse=True)
def _own_cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    # Made before the cache is another one: a pack's folder is where it was built.
    for pack in ("mtcnn_pack", "embedding_pack"):
        request.getfixturevalue(pack)
    folder = request.getfixturevalue("tmp_path_factory").getbasetemp() / "compiled"
    monkeypatch.setattr(compiled, "folder", lambda: folder)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def batch(embedding_pack: Pack) -> np.ndarray:
    side = embedding_pack.setting("input", "size")
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.5, (3, 3, side, side)).astype(np.float32)


def embedding_network(pack: Pack, backend: str, threads: int | None = 1) -> Network:
    return Network(pack.file(pack.setting("input", "file")), threads, backend=backend)


def model(inputs: int) -> bytes:
    from onnx import TensorProto, helper

    names = [f"x{k}" for k in range(inputs)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Sum", names, ["y"]), helper.make_node("Relu", ["y"], ["z"])],
        "sum",
        [value(name, TensorProto.FLOAT, ["n", 2]) for name in names],
        [value(name, TensorProto.FLOAT, ["n", 2]) for name in ("z", "y")],
    )
    opset = helper.make_opsetid("", 13)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return made


# Calls


@each_backend
def test_all_outputs_come_in_the_networks_order_and_are_the_callers(backend: str) -> None:
    run = Network(model(1), backend=backend)
    given = np.array([[-1, 2]], np.float32)
    given.flags.writeable = False
    first, second = run(given)
    np.testing.assert_array_equal(first, [[0, 2]])
    np.testing.assert_array_equal(second, [[-1, 2]])
    run(np.full((4, 2), 9, np.float32))
    np.testing.assert_array_equal(first, [[0, 2]])
    first[:] = 5
    np.testing.assert_array_equal(run(given)[0], [[0, 2]])
    assert run.backend == backend
    assert run.version[0].isdigit()


@each_backend
def test_threads_and_repeats_give_the_same_bits(
    backend: str, embedding_pack: Pack, batch: np.ndarray
) -> None:
    run = embedding_network(embedding_pack, backend)
    (once,) = run(batch)
    alone = [run(row[None])[0][0] for row in batch]
    np.testing.assert_array_equal(once, alone)  # nor does a row depend on its neighbours
    with ThreadPoolExecutor(4) as pool:
        for k, answers in enumerate(pool.map(lambda k: run(batch[: 1 + k % 3]), range(12))):
            np.testing.assert_array_equal(answers[0], once[: 1 + k % 3])


_AT_ONCE = """
import sys, threading
import numpy as np
from renzheng.models.runtime import Network
sys.setswitchinterval(1e-6)  # as on a busy machine
run = Network(sys.stdin.buffer.read(), 1, calls=2, backend=sys.argv[1])
together = threading.Barrier(8)
def call():
    together.wait()
    run(np.ones((3, 2), np.float32))
threads = [threading.Thread(target=call) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


@each_backend
def test_a_process_may_begin_with_many_calls_at_a_time(backend: str) -> None:
    for _ in range(8):  # what it guards against hung every second one
        subprocess.run(
            [sys.executable, "-c", _AT_ONCE, backend], input=model(1), check=True, timeout=60
        )


@each_backend
def test_many_shapes_one_after_another(backend: str, mtcnn_pack: Pack) -> None:
    pnet = mtcnn_pack.file("pnet.onnx")
    run, other = Network(pnet, backend=backend), Network(pnet)
    rng = np.random.default_rng(1)
    for height, width in ((30, 40), (12, 12), (57, 33), (30, 40), (13, 90)):
        level = rng.uniform(0, 255, (1, 3, height, width)).astype(np.float32)
        for one, two in zip(run(level), other(level), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@each_backend
def test_a_file_that_is_no_network_is_said_to_be_none(backend: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x08 not a network")
    for source in (broken, b"nothing", tmp_path / "missing.onnx"):
        with pytest.raises(PackError, match="cannot load it") as caught:
            Network(source, backend=backend)
        named = "<bytes>" if isinstance(source, bytes) else str(source)
        assert caught.value.source == named
    with pytest.raises(PackError, match="one input, not 2"):
        Network(model(2), backend=backend)


# The choice


def test_the_choice_is_the_argument_then_the_variable_then_onnxruntime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "is_installed", lambda name: True)
    assert choose_backend() == choose_backend("") == BACKENDS[0] == "onnxruntime"
    monkeypatch.setenv(VARIABLE, "openvino")
    assert choose_backend() == "openvino"
    assert choose_backend("onnxruntime") == "onnxruntime"
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(InvalidInput, match="RENZHENG_BACKEND: unknown backend 'abacus'"):
        choose_backend()
    with pytest.raises(InvalidInput, match="there are: onnxruntime, openvino"):
        Network(model(1), backend="tensorflow")


def test_a_backend_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "is_installed", lambda name: name == "onnxruntime")
    assert main(["verify", "a.png", "b.png", "--backend", "openvino"]) == 2
    assert "pip install 'renzheng[openvino]'" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, "openvino")
    assert main(["detect", "a.png"]) == 2
    assert "RENZHENG_BACKEND: the backend openvino is not installed" in capsys.readouterr().err


# The same answers


@without_openvino
def test_faces_and_distances_are_the_same(
    portrait: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    darker = (portrait[60:420, 40:440] * 0.6).astype(np.uint8)
    roles = ("photo", "photo")
    results = {
        backend: Verifier(roles=roles, threads=1, backend=backend).verify(portrait, darker)
        for backend in PROCESSOR_BACKENDS
    }
    one, other = (results[backend] for backend in PROCESSOR_BACKENDS)
    assert one.comparison is not None
    assert other.comparison is not None
    assert other.comparison.distance == pytest.approx(one.comparison.distance, abs=1e-3)
    assert other.decision is one.decision
    for side in ("reference", "probe"):
        a, b = getattr(one, side).faces, getattr(other, side).faces
        assert len(a) == len(b)
        for first, second in zip(a, b, strict=True):
            np.testing.assert_allclose(first.box, second.box, atol=0.05)
            np.testing.assert_allclose(first.landmarks, second.landmarks, atol=0.05)
    for backend, result in results.items():
        assert result.to_dict()["pack"]["backend"] == backend
        assert result.to_dict()["pack"]["backend_version"][0].isdigit()


@without_openvino
def test_it_computes_in_float32(embedding_pack: Pack, batch: np.ndarray) -> None:
    (one,), (other,) = (
        embedding_network(embedding_pack, name)(batch) for name in PROCESSOR_BACKENDS
    )
    # bfloat16 carries eight bits: it would be off by 1e-3 and more.
    np.testing.assert_allclose(one, other, atol=1e-5)


@without_openvino
def test_an_embedding_that_is_kept_is_kept_for_its_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = Extraction.of(Verifier(threads=1)).key(b"picture")
    monkeypatch.setenv(VARIABLE, "openvino")
    other = Extraction.of(Verifier(threads=1))
    assert other.backend == "openvino"
    assert other.key(b"picture") != usual


@without_openvino
def test_other_processes_are_told_which_it_is(portrait: np.ndarray) -> None:
    from renzheng.apps.batch.conditions import conditions
    from renzheng.verification.config import VerifierConfig

    verifier = Verifier(threads=1, backend="openvino")
    assert VerifierConfig.of(verifier).verifier().backend == "openvino"
    assert conditions(verifier)["backend"] == "openvino"
    pytest.importorskip("pydantic", reason="needs renzheng[serve]")
    from renzheng.apps.service import tasks
    from renzheng.apps.service.settings import Settings

    answer = tasks.make_worker(Settings(backend="openvino"))
    picture = cv2.imencode(".png", portrait[:, :, ::-1])[1].tobytes()
    done = answer(tasks.Verify(picture, picture, verifier.pack.name, verifier.policy))
    assert isinstance(done, tasks.Done)
    assert done.facts["pack"]["backend"] == "openvino"


@without_openvino
def test_the_command_takes_it_and_says_so(
    portrait: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(portrait).save(tmp_path / "a.png")
    picture = str(tmp_path / "a.png")
    command = ["verify", picture, picture, "--roles", "photo,photo", "--json", "--threads", "1"]
    assert main([*command, "--backend", "openvino"]) == 0
    assert json.loads(capsys.readouterr().out)["pack"]["backend"] == "openvino"


# What OpenVINO does by itself

_WATCH = (
    "import sys\n"
    "def refuse(event, arguments):\n"
    "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
    "        print('reached out:', arguments, file=sys.stderr, flush=True)\n"
    "        raise OSError('no network here')\n"
    "sys.addaudithook(refuse)\n"
)


def traces(code: str, home: Path) -> tuple[list[str], str]:
    """What a process leaves in an empty home, and what it tells."""
    home.mkdir()
    quiet = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD")}
    homes = {name: str(home) for name in ("HOME", "USERPROFILE", "TMPDIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", _WATCH + code],
        env={**quiet, **homes},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return sorted(str(path.relative_to(home)) for path in home.rglob("*")), done.stderr


@without_openvino
def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    if not traces("import openvino", tmp_path / "bare")[0]:
        pytest.skip("this build of openvino leaves no trace even by itself")
    code = (
        "from renzheng.models.runtime import Network\n"
        f"Network({model(1)!r}, backend='openvino')\n"
        "print([name for name in sys.modules if 'telemetry' in name], file=sys.stderr)"
    )
    left, told = traces(code, tmp_path / "ours")
    assert left == []
    assert told.strip() == "[]"


def test_it_is_not_loaded_unless_asked_for(tmp_path: Path) -> None:
    code = (
        "from renzheng.models.runtime import Network\n"
        "assert 'onnxruntime' not in sys.modules\n"
        f"Network({model(1)!r})\n"
        "print('openvino' in sys.modules, file=sys.stderr)"
    )
    assert traces(code, tmp_path / "home")[1].strip() == "False"


# What is kept of it


@without_openvino
def test_a_compiled_network_is_kept_and_gives_the_same_bits(
    embedding_pack: Pack, batch: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renzheng.models.runtime import with_openvino

    folder = tmp_path / "kept"
    monkeypatch.setattr(compiled, "folder", lambda: folder)
    fresh = embedding_network(embedding_pack, "openvino")(batch)
    (kept,) = folder.iterdir()
    before = kept.read_bytes()

    monkeypatch.setattr(with_openvino, "_core", _Importing(with_openvino._core))
    again = embedding_network(embedding_pack, "openvino", threads=2)(batch)
    np.testing.assert_array_equal(fresh, again)
    assert kept.read_bytes() == before


class _Importing:
    """An OpenVINO core that has forgotten how to compile."""

    def __init__(self, core: object):
        self._core = core

    def __getattr__(self, name: str) -> object:
        if name in ("compile_model", "read_model"):
            raise AssertionError("it is compiled already")
        return getattr(self._core, name)


@without_openvino
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "another version's"])
def test_a_damaged_one_is_made_again(
    damage: str,
    embedding_pack: Pack,
    batch: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "kept"
    monkeypatch.setattr(compiled, "folder", lambda: folder)
    fresh = embedding_network(embedding_pack, "openvino")(batch)
    (kept,) = folder.iterdir()
    good = kept.read_bytes()
    middle = len(good) // 3
    flipped = good[:middle] + bytes(255 - byte for byte in good[middle : middle + 64])
    kept.write_bytes(
        {
            "flipped": flipped + good[middle + 64 :],
            "cut": good[: len(good) // 2],
            "empty": b"",
            "another version's": b"renzheng compiled 0\n" + good[20:],
        }[damage]
    )
    np.testing.assert_array_equal(embedding_network(embedding_pack, "openvino")(batch), fresh)
    assert compiled.read(kept) is not None
    assert list(folder.iterdir()) == [kept]


@without_openvino
def test_where_nothing_can_be_kept_it_works_all_the_same(
    embedding_pack: Pack, batch: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    monkeypatch.setattr(compiled, "folder", lambda: blocked / "kept")
    assert embedding_network(embedding_pack, "openvino")(batch)[0].shape == (3, 128)


def placed(folder: Path, content: bytes, *conditions: str) -> Path | None:
    folder.mkdir(exist_ok=True)
    (folder / "network.onnx").write_bytes(content)
    return compiled.place(folder / "network.onnx", *conditions)


def test_networks_and_conditions_are_told_apart(tmp_path: Path) -> None:
    place = placed(tmp_path, model(1), "2026.1", "a processor")
    assert place is not None
    assert placed(tmp_path / "elsewhere", model(1), "2026.1", "a processor") == place
    others = [
        placed(tmp_path, model(2), "2026.1", "a processor"),
        placed(tmp_path, model(1), "2026.2", "a processor"),
        placed(tmp_path, model(1), "2026.1", "a processor", "with more"),
    ]
    assert len({place, *others}) == 4


def test_weights_in_another_file_are_told_apart(tmp_path: Path) -> None:
    import onnx

    weights = onnx.numpy_helper.from_array(np.arange(999, dtype=np.float32), "weights")
    network = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Add", ["x", "weights"], ["y"])],
            "sum",
            [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [999])],
            [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [999])],
            [weights],
        )
    )
    path = tmp_path / "network.onnx"
    onnx.save_model(network, path, save_as_external_data=True, location="ä.weights")
    one = compiled.place(path)
    assert one is not None
    content = (tmp_path / "ä.weights").read_bytes()
    (tmp_path / "ä.weights").write_bytes(content[:-1] + b"x")
    other = compiled.place(path)
    assert other not in (None, one)
    (tmp_path / "ä.weights").write_bytes(content)
    assert compiled.place(path) == one
    (tmp_path / "ä.weights").unlink()
    assert compiled.place(path) is None


def named(folder: Path, name: bytes) -> Path | None:
    """Where a network is kept that says its weights lie there."""
    import onnx

    weights = onnx.TensorProto(name="w", data_location=onnx.TensorProto.EXTERNAL)
    entry = weights.external_data.add()
    entry.key, entry.value = "location", os.fsdecode(name)
    more = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weights]))
    return placed(folder, model(1) + more.SerializeToString())  # in protobuf, this adds it


def test_only_files_beside_a_network_are_read(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    (tmp_path / "outside").write_bytes(b"secret")
    assert named(beside, b"../outside") is None
    assert named(beside, bytes(tmp_path / "outside")) is None
    assert named(beside, b"/dev/zero") is None
    assert named(beside, b"nothing") is None
    if hasattr(os, "mkfifo"):
        os.mkfifo(beside / "pipe")
        assert named(beside, b"pipe") is None
    (beside / "file").write_bytes(b"weights")
    assert named(beside, b"file") is not None


@pytest.mark.parametrize(
    "said",
    [
        b"location",
        b"\n\x08location\x12",
        b"\n\x08location\x12\x05abc",
        b"\n\x08location\x12\x81\x01",
    ],
)
def test_weights_that_cannot_be_told_are_not_kept(tmp_path: Path, said: bytes) -> None:
    assert placed(tmp_path, model(1) + said) is None


def test_what_is_kept_is_whole_private_and_swept(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    path, old, left = folder / "a.bin", folder / "old.bin", folder / ".left.bin"
    compiled.write(old, b"old")
    left.write_bytes(b"of a killed process")
    for stale in (old, left):
        os.utime(stale, (0, 0))
    compiled.write(path, b"compiled")
    assert list(folder.iterdir()) == [path]
    assert compiled.read(path) == b"compiled"
    assert compiled.read(old) is None
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
