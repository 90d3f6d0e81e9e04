"""The trial finds the preprocessing that a network was made for, and spares the right one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from renzheng.apps.reports.evaluation import preprocessing
from renzheng.datasets.types import People, Picture
from renzheng.errors import InvalidInput
from renzheng.evaluation.preprocessing import crops, proof, separation, trial
from renzheng.evaluation.preprocessing.crops import TemplateCrops
from renzheng.evaluation.preprocessing.separation import Separation, gain
from renzheng.faces.alignment import TEMPLATES
from renzheng.models import packs
from renzheng.models.converters import embedder, presets
from renzheng.models.converters.presets import Preparation
from renzheng.models.packs import Pack

SIDE, CELLS, PEOPLE = 32, 8, 46
RIGHT = presets.get("insightface")


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "REPLICATES", 50)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A network that sees the cells of the red channel from -1 to 1, and saturates beyond."""
    folder = tmp_path_factory.mktemp("network")
    kernel = np.zeros((1, 3, 4, 4), np.float32)
    kernel[0, 0] = 2 / 16
    nodes = [
        helper.make_node("Conv", ["crops", "w"], ["cells"], strides=[4, 4]),
        helper.make_node("Tanh", ["cells"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["rows"]),
    ]
    shape = ["n", 3, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(kernel, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "red.onnx")
    return embedder.import_onnx(
        folder / "red.onnx",
        folder / "pack",
        preprocessing=RIGHT,
        licence="mine",
        data_licence="mine",
    )


@pytest.fixture(scope="module")
def faces() -> TemplateCrops:
    """People whose red channel is a pattern of their own in the right template alone."""
    rng = np.random.default_rng(4)
    person = np.repeat(np.arange(PEOPLE), 3)
    pattern = rng.uniform(20, 235, (PEOPLE, CELLS, CELLS))
    cut = {}
    for name in TEMPLATES:
        images = rng.uniform(0, 255, (len(person), CELLS, CELLS, 3))
        if name == RIGHT.template:
            noise = rng.normal(0, 60, (len(person), CELLS, CELLS))
            images[..., 0] = np.clip(pattern[person] + noise, 0, 255)
        fine = np.repeat(np.repeat(images, SIDE // CELLS, axis=1), SIDE // CELLS, axis=2)
        cut[name] = fine.astype(np.uint8)
    return TemplateCrops(cut, person.astype(np.intp), len(person) + 2, "made up")


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch, faces: TemplateCrops) -> People:
    monkeypatch.setattr(trial, "cut", lambda *_, **__: faces)
    pictures = [Picture(str(i), b"") for i in range(len(faces.person))]
    return People("made up", pictures, faces.person)


def _declared(pack: Pack, folder: Path, preparation: Preparation) -> Pack:
    return packs.save_as(pack, folder, {}, preparation.changes(pack.manifest))


def test_the_right_preprocessing_holds(pack: Pack, people: People) -> None:
    steps: list[tuple[str, int, int]] = []
    found = trial.run(pack, people, progress=lambda *step: steps.append(step))
    assert found.wins is None
    assert found.warnings() == []
    assert found.best == RIGHT
    assert (found.people, found.pictures, found.lost) == (PEOPLE, 3 * PEOPLE, 2)
    assert found.declared.separation.eer < 0.05
    tried = {row.change: row for row in found.rows}
    assert {"BGR", "0 to 255", "(x - 127.5) / 128", "facenet-160", "dlib-150"} <= tried.keys()
    assert tried["BGR"].separation.eer > 0.3
    assert tried["BGR"].people == 40  # these settle it
    assert abs(tried["(x - 127.5) / 128"].gain.margin) < 0.02  # type: ignore[union-attr]
    assert tried["averaged with the mirror image"].preparation.mirror
    assert [step[1] for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1][1] == steps[-1][2]
    assert "declared" in preprocessing.of_trial(found).rows[0][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": "BGR"},
        {"mean": (0.0,), "scale": (1.0,)},
        {"template": "dlib-150", "mirror": False},
        {"channels": "BGR", "mean": (0.0,), "scale": (1.0,), "template": "facenet-160"},
    ],
    ids=["channels", "range", "template", "all"],
)
def test_a_wrong_preprocessing_is_seen_and_repaired(
    pack: Pack, people: People, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    draft = _declared(pack, tmp_path / "draft", replace(RIGHT, **wrong))
    warned = proof.prove(draft, tmp_path / "kept", people)
    if "channels" in wrong and "mean" in wrong:
        # Where everything is wrong, no change alone helps, and the warning says so.
        assert "No preprocessing that was tried recognises people" in " ".join(warned.warnings)
        return
    assert "loses clearly against arcface-112, RGB, (x - 127.5)" in warned.warnings[0]
    assert warned.warnings[0] in warned.pack.manifest["limits"]
    assert Preparation.of(warned.pack.manifest) == replace(RIGHT, **wrong)

    repaired = proof.prove(draft, tmp_path / "repaired", people, choose=True)
    assert repaired.changed
    assert repaired.warnings == []
    mirror = wrong.get("mirror", True)
    assert Preparation.of(repaired.pack.manifest) == replace(RIGHT, mirror=mirror)
    facts = repaired.pack.manifest["provenance"]
    assert facts["preprocessing_declared"] == str(replace(RIGHT, **wrong))
    assert facts["preprocessing"].startswith("tried on 46 people of made up (138 faces)")
    assert facts["preprocessing_tried"][0]["change"] == "declared"
    assert embedder.UNPROVED not in repaired.pack.manifest["limits"]


def test_without_people_the_pack_says_that_nothing_is_proved(pack: Pack, tmp_path: Path) -> None:
    found = proof.prove(pack, tmp_path / "pack", None)
    assert found.trial is None
    assert found.warnings == [embedder.UNPROVED]
    assert embedder.UNPROVED in found.pack.manifest["limits"]


def test_the_others_differ_in_one_factor() -> None:
    dlib = presets.get("dlib")
    found = dict(trial.others(dlib))
    assert found["BGR"].mean == dlib.mean[::-1]
    assert found["-1 to 1"] == replace(dlib, mean=(127.5,), scale=(1 / 127.5,))
    assert {"arcface-112", "facenet-160"} <= found.keys()
    assert "dlib-150" not in found
    rounded = replace(dlib, mean=(0.0,), scale=(0.0039216,))
    assert "0 to 1" not in dict(trial.others(rounded))


def test_a_gain_is_paired_and_has_to_matter() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 3)
    centres = rng.normal(size=(40, 64))

    def rows(noise: float, seed: int) -> Any:
        drawn = np.random.default_rng(seed).normal(size=(120, 64))
        found = centres[person] + noise * drawn
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    base = Separation.of(rows(0.5, 1), person)
    assert base.eer_estimate.high >= 3 / 40  # nobody erred, which says so much
    assert not gain(base, base).clear
    assert gain(base, Separation.of(rows(0.4, 1), person)).clear
    assert not gain(base, Separation.of(rows(0.498, 1), person)).clear  # certain, and nothing
    assert not gain(base, Separation.of(rows(0.6, 1), person)).clear
    assert gain(Separation.none(), base).clear


def test_too_few_people_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [Picture(str(i), b"no picture") for i in range(8)]
    few = People("few", pictures, np.repeat(np.arange(4), 2).astype(np.intp))
    with pytest.raises(InvalidInput, match=r"only 0 people .* 20 are needed"):
        crops.cut(few, SIDE, count=20, pictures=2)


def test_lfw_is_found_where_it_usually_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RENZHENG_LFW", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert crops.lfw() is None
    (tmp_path / "lfw").mkdir()
    assert crops.lfw() == tmp_path / "lfw"
    monkeypatch.setenv("RENZHENG_LFW", str(tmp_path / "nowhere"))
    assert crops.lfw() is None
