"""What was asked for computes, or nothing does; and what computed is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_onnxruntime
from fake_onnxruntime import CUDA, PROCESSOR
from renzheng import InvalidInput, Verifier
from renzheng.apps.cli import main
from renzheng.errors import RenzhengError
from renzheng.models.packs import Pack
from renzheng.models.runtime import (
    AUTO,
    BACKENDS,
    VARIABLE,
    Network,
    automatic,
    backends,
    batch_size,
    choose_backend,
    detection_backend,
    is_installed,
)

with_onnxruntime = pytest.importorskip("renzheng.models.runtime.with_onnxruntime")


@pytest.fixture(autouse=True)
def _as_usual(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(backends.BATCH_VARIABLE, raising=False)
    automatic.choose.cache_clear()
    yield
    automatic.choose.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, **how: Any) -> list[Any]:
    """Let onnxruntime claim a GPU; return the providers and keywords of sessions, as they come."""
    seen: list[Any] = []
    for name, value in fake_onnxruntime.parts(with_onnxruntime.ort, seen=seen, **how).items():
        monkeypatch.setattr(with_onnxruntime.ort, name, value)
    return seen


def product() -> bytes:
    return automatic._product()


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cuda", "cuda"),
        ("cuda:0", "cuda"),
        ("cuda:01", "cuda:1"),
        ("tensorrt:3", "tensorrt:3"),
        ("directml:1", "directml:1"),
        ("openvino:CPU", "openvino"),
        ("openvino:GPU.1", "openvino:GPU.1"),
        ("openvino:NPU", "openvino:NPU"),
    ],
)
def test_a_device_follows_the_name(text: str, name: str) -> None:
    assert str(backends.parse(text)) == name


@pytest.mark.parametrize(
    "text",
    ["gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "cuda:1000", "onnxruntime:0",
     "openvino:AUTO", "openvino:HETERO:GPU,CPU", "openvino:GPU,CPU", "coreml:0", ":0"],
)  # fmt: skip
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"unknown (backend|device)") as caught:
        choose_backend(text)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "directml", "coreml"])
def test_one_that_is_not_installed_is_said_to_be_with_the_way_to_it(name: str) -> None:
    if is_installed(name):
        pytest.skip(f"this onnxruntime has {name}")
    with pytest.raises(InvalidInput, match=f"the backend {name} is not installed") as caught:
        choose_backend(name)
    assert "pip install" in str(caught.value.remedy) or "macOS" in str(caught.value.remedy)


# The provider that really computes


def test_the_provider_is_asked_for_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = pretend(monkeypatch)
    network = Network(product(), backend="cuda:1")
    assert (network.backend, network.provider, network.batch) == ("cuda:1", CUDA, None)
    [(providers, keywords)] = seen
    name, options = providers[0]
    assert (name, providers[1:]) == (CUDA, [PROCESSOR])
    assert options["device_id"] == "1"
    assert options["use_tf32"] == "0"  # float32, as everywhere
    assert keywords == {"enable_fallback": 0}
    np.testing.assert_allclose(network(np.ones((2, 3), np.float32))[0], [[-1.75, 6.5]] * 2)
    assert Network(product()).provider == PROCESSOR


def test_a_silent_fall_to_the_processor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, falls=True)
    with pytest.raises(RenzhengError, match=f"onnxruntime took {PROCESSOR} instead") as caught:
        Network(product(), backend="cuda")
    assert "NVIDIA driver" in str(caught.value.remedy)
    assert "--backend onnxruntime" in str(caught.value.remedy)
    # Loaded in the background, as commands do: the error comes with the first use.
    later = Network(product(), backend="cuda", wait=False)
    with pytest.raises(RenzhengError, match="instead"):
        later(np.ones((1, 3), np.float32))


def test_an_error_of_the_provider_is_raised_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, raises="void onnx::f(int&) no CUDA-capable device\nmore")
    with pytest.raises(RenzhengError, match=r"cannot be used: .*no CUDA-capable device"):
        Network(product(), backend="cuda")
    assert capsys.readouterr().out == ""


def test_layers_left_to_the_processor_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, on_processor=("MatMul",))
    with pytest.raises(RenzhengError, match=r"does not compute this network: 1 of 1 layers"):
        Network(product(), backend="cuda")


def test_shapes_may_stay_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, embedding_pack: Pack
) -> None:
    pretend(monkeypatch, on_processor=("Flatten",))
    file = embedding_pack.file(embedding_pack.setting("input", "file"))
    assert Network(file, backend="cuda").provider == CUDA


def test_what_is_no_network_is_said_to_be_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, falls=True)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(RenzhengError, match="onnxruntime cannot load it"):
        Network(broken, backend="cuda")


def test_tensorrt_has_cuda_beside_it_and_one_engine_for_all_batches(
    monkeypatch: pytest.MonkeyPatch, embedding_pack: Pack, tmp_path: Path
) -> None:
    monkeypatch.setattr(with_onnxruntime.files, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")  # set by it, and put back by this
    seen = pretend(monkeypatch, provider="TensorrtExecutionProvider")
    file = embedding_pack.file(embedding_pack.setting("input", "file"))
    assert Network(file, backend="tensorrt").provider == "TensorrtExecutionProvider"
    [(providers, _)] = seen
    assert [each[0] for each in providers[:2]] == ["TensorrtExecutionProvider", CUDA]
    options = providers[0][1]
    assert options["trt_profile_min_shapes"] == "crops:1x3x112x112"
    assert options["trt_profile_max_shapes"] == "crops:64x3x112x112"
    assert "trt_fp16_enable" not in options


# Detection stays on the processor


def test_only_embeddings_are_computed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = pretend(monkeypatch)
    assert detection_backend("cuda:1") == detection_backend("onnxruntime") == "onnxruntime"
    if is_installed("openvino"):
        assert detection_backend("openvino:GPU") == detection_backend("openvino") == "openvino"
    verifier = Verifier(backend="cuda")
    assert len(seen) == 1  # the embedder's
    picture = np.zeros((120, 160, 3), np.uint8)
    evidence = verifier.verify(picture, picture).to_dict()["pack"]
    assert (evidence["backend"], evidence["provider"]) == ("cuda", CUDA)
    assert evidence["backend_version"] == with_onnxruntime.VERSION


# Batches


def test_batches_fill_an_accelerator_and_stay_as_they_were_on_a_processor(
    monkeypatch: pytest.MonkeyPatch, embedding_pack: Pack
) -> None:
    pretend(monkeypatch)
    crops = np.random.default_rng(0).integers(0, 256, (10, 112, 112, 3), np.uint8)

    def calls(verifier: Verifier) -> list[int]:
        sizes: list[int] = []
        network = verifier.face_models.embedder.network

        class Counting:
            backend, version, provider, batch = network.backend, "", "", None

            def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
                sizes.append(len(batch))
                return network(batch)

        counting: Any = Counting()
        rows = verifier.face_models.embedder.with_network(counting).embed(crops)
        results.append(rows)
        return sizes

    results: list[np.ndarray] = []
    own = embedding_pack.manifest["input"].get("batch", 8)
    assert batch_size("onnxruntime") is batch_size("openvino") is None
    assert batch_size("cuda") == 64
    assert calls(Verifier(threads=1)) == [own] * (20 // own)
    assert calls(Verifier(threads=1, backend="cuda")) == [20]
    monkeypatch.setenv(backends.BATCH_VARIABLE, "16")
    assert calls(Verifier(threads=1, backend="cuda")) == [16, 4]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    for wrong in ("0", "many", "5000"):
        monkeypatch.setenv(backends.BATCH_VARIABLE, wrong)
        with pytest.raises(InvalidInput, match="1 to 4096 rows"):
            batch_size("cuda")


# The choice


def test_auto_takes_what_works_and_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pretend(monkeypatch)
    assert choose_backend(AUTO) == "cuda"
    assert main(["detect", str(tmp_path / "none.png"), "--backend", "auto"]) != 0
    assert f"--backend cuda ({CUDA})" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, AUTO)
    assert Network(product()).backend == "cuda"
    main(["detect", str(tmp_path / "none.png")])
    assert f"--backend cuda ({CUDA})" in capsys.readouterr().err


def test_auto_passes_over_what_does_not_work_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pretend(monkeypatch, falls=True)
    assert choose_backend(AUTO) == "onnxruntime"
    assert main(["detect", str(tmp_path / "none.png"), "--backend", "auto"]) != 0
    said = capsys.readouterr().err
    assert "not cuda: the backend cuda cannot be used" in said
    assert f"--backend onnxruntime ({PROCESSOR})" in said


# Doctor


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json"])
    printed = capsys.readouterr()
    assert printed.out, printed.err
    return code, json.loads(printed.out)


def test_doctor_names_what_computes_and_why_others_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch)
    code, told = doctor(capsys)
    assert code == 0
    assert tuple(told["backends"]) == BACKENDS
    assert told["backends"]["onnxruntime"] == PROCESSOR
    assert told["backends"]["cuda"] == CUDA
    assert told["backends"]["coreml"] == "not installed"
    assert PROCESSOR in told["checks"]["networks"]
    pretend(monkeypatch, falls=True)
    code, told = doctor(capsys)
    assert code == 0  # nobody asked for it
    assert told["backends"]["cuda"].startswith("does not work: ")
    assert "cuda" in told["backends"]
    monkeypatch.setenv(VARIABLE, "cuda")
    code, told = doctor(capsys)
    assert code == 5
    assert told["checks"]["networks"].startswith("FAILED: the backend cuda cannot be used")


def test_doctor_notices_two_distributions_of_one_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import metadata

    monkeypatch.setattr(metadata, "version", installed(metadata.version, "onnxruntime-gpu"))
    code, told = doctor(capsys)
    assert code == 5
    said = told["checks"]["onnxruntime"]
    assert "onnxruntime-gpu 9.9 are both installed" in said
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in said
    # Where the other's provider is hidden, asking for it says so.
    if not is_installed("cuda"):
        with pytest.raises(InvalidInput, match=r"not installed: .* both installed"):
            choose_backend("cuda")


def installed(real: Any, name: str) -> Any:
    def version(asked: str) -> str:
        if asked == name:
            return "9.9"
        return str(real(asked))

    return version
