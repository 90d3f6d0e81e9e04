"""Several networks side by side in one pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import liveness_pack, small_embedder
from renzheng.errors import InvalidInput, PackError
from renzheng.faces.embedding import Embedder
from renzheng.faces.ensemble import MAX_DIMENSION, CommonCrop, Ensemble, combine, member_columns
from renzheng.faces.face_embedder import load_embedder
from renzheng.faces.pack_template import template_of, view_of
from renzheng.models import packs
from renzheng.models.packs import Pack


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Pack]:
    """An embedder of ArcFace's view, and one of dlib's."""
    folder = tmp_path_factory.mktemp("members")
    return [
        small_embedder(folder / "one"),
        small_embedder(folder / "two", template="dlib-150", size=150, dimension=16, seed=1),
    ]


@pytest.fixture(scope="module")
def pack(members: list[Pack], tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return combine(members, [1.0, 0.5], tmp_path_factory.mktemp("pack") / "both")


@pytest.fixture(scope="module")
def crops(pack: Pack) -> Any:
    size = pack.setting("input", "size")
    return np.random.default_rng(2).integers(0, 256, (5, size, size, 3), np.uint8)


def test_squared_distances_are_the_weighted_mean_of_the_members(
    pack: Pack, members: list[Pack], crops: Any
) -> None:
    together = load_embedder(pack, 1)
    assert isinstance(together, Ensemble)
    rows = together.embed(crops)
    assert rows.dtype == np.float32
    assert rows.shape == (5, 40)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    expected = 0.0
    for member, share in zip(members, (0.8, 0.2), strict=True):  # 1 and 0.25 of 1.25
        views = together.crop.views(crops, template_of(member))
        own = Embedder.from_pack(member, 1).embed(views)
        expected = expected + share * np.square(own[:, None] - own[None]).sum(axis=2)
    assert np.allclose(np.square(rows[:, None] - rows[None]).sum(axis=2), expected, atol=1e-5)


def test_members_compute_what_their_own_packs_do(
    pack: Pack, members: list[Pack], crops: Any
) -> None:
    """Bit for bit, though their files of weights have other names; lengths are the first's."""
    together = Ensemble.from_pack(pack, 1)
    embeddings, lengths = together.embed_with_lengths(crops)
    for member, columns, weight in zip(
        members, member_columns(pack), (0.894427, 0.447214), strict=True
    ):
        views = together.crop.views(crops, template_of(member))
        own = Embedder.from_pack(member, 1).embed_with_lengths(views)
        assert np.allclose(embeddings[:, columns], weight * own.embeddings, atol=1e-6)
        if member is members[0]:
            assert np.array_equal(lengths, own.lengths)


def test_the_pack_is_whole_and_names_all_terms(pack: Pack, members: list[Pack]) -> None:
    assert Pack.load(pack.folder).digest == pack.digest
    assert pack.name == "small-0+small-1"
    assert pack.manifest["licence"] == "terms 0 and terms 1"
    told = pack.manifest["provenance"]["members"]
    assert [each["digest"] for each in told] == [each.digest for each in members]
    assert [each["licence"] for each in told] == ["terms 0", "terms 1"]
    assert [each["limits"] for each in told] == [["It is made up."]] * 2
    assert [each["provenance"]["author"] for each in told] == ["author 0", "author 1"]
    assert sorted(pack.manifest["files"]) == [
        f"{place}-embedder.{kind}" for place in (1, 2) for kind in ("onnx", "weights")
    ]
    assert "calibration.json" not in pack.manifest["files"]


def test_other_weights_are_another_network(pack: Pack, members: list[Pack], tmp_path: Path) -> None:
    """Galleries and caches tell packs apart by this digest."""
    same = combine(members, [2, 1], tmp_path / "same", name="other")
    other = combine(members, [1, 1], tmp_path / "other")
    assert same.network_digest == pack.network_digest
    assert other.network_digest != pack.network_digest


def test_quality_sees_the_first_members_view(pack: Pack, members: list[Pack]) -> None:
    assert view_of(pack).name == "arcface-112"
    assert view_of(members[1]).name == "dlib-150"
    common = CommonCrop.of([template_of(each) for each in members])
    assert template_of(pack).size == common.size
    assert np.allclose(template_of(pack).points, common.points)


def test_crops_of_another_size_are_refused(pack: Pack) -> None:
    with pytest.raises(InvalidInput, match="crops must be uint8"):
        Ensemble.from_pack(pack, 1).embed(np.zeros((1, 112, 112, 3), np.uint8))
    assert Ensemble.from_pack(pack, 1).embed(
        np.zeros((0, *[pack.setting("input", "size")] * 2, 3), np.uint8)
    ).shape == (0, 40)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ((1.0, 0.0), "above 0"),
        ((1.0, -1.0), "above 0"),
        ((1.0, float("nan")), "above 0"),
        ((1.0, float("inf")), "above 0"),
        ((1.0, 1e-5), "count for nothing"),
        ((1.0,), "1 weights were given for 2 packs"),
    ],
)
def test_weights_that_are_none(
    members: list[Pack], weights: tuple[float, ...], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        combine(members, weights, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_packs_that_make_no_ensemble(pack: Pack, members: list[Pack], tmp_path: Path) -> None:
    one, two = members
    target = tmp_path / "pack"
    with pytest.raises(InvalidInput, match="the same network"):
        combine([one, two, one], [1, 1, 1], target)
    copy = packs.save_as(one, tmp_path / "copy", {}, {"name": "copy"})
    with pytest.raises(InvalidInput, match="small-0 and copy are the same network"):
        combine([one, copy], [1, 1], target)
    with pytest.raises(InvalidInput, match="2 to 4 members, not 1"):
        combine([one], [1], target)
    with pytest.raises(InvalidInput, match="2 to 4 members, not 5"):
        combine([one, two, one, two, one], [1] * 5, target)
    with pytest.raises(PackError, match="is an ensemble itself"):
        combine([one, pack], [1, 1], target)
    with pytest.raises(PackError, match="of kind liveness"):
        combine([one, liveness_pack(tmp_path / "liveness")], [1, 1], target)
    raw = packs.save_as(
        two, tmp_path / "raw", {}, {"embedding": {**two.manifest["embedding"], "normalise": False}}
    )
    with pytest.raises(PackError, match="not compared by Euclidean distance"):
        combine([one, raw], [1, 1], target)
    large = packs.save_as(
        two,
        tmp_path / "large",
        {},
        {"embedding": {**two.manifest["embedding"], "dimension": MAX_DIMENSION}},
    )
    with pytest.raises(InvalidInput, match="numbers together"):
        combine([one, large], [1, 1], target)
    assert not target.exists()
    with pytest.raises(PackError, match="exists already"):
        combine(members, [1, 1], tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"members": "sface"}, "not a list of tables"),
        ({"members": ["sface"]}, "not a list of tables"),
        ({"embedding": {"dimension": 7, "normalise": True}}, "40 numbers together"),
        ({"alignment": {"template": "own", "points": [[1, 2]]}}, "not five of two numbers"),
        ({"alignment": {"template": "own", "points": "x"}}, "not five of two numbers"),
        ({"alignment": {"template": "own"}}, "unknown alignment template"),
    ],
)
def test_a_manifest_that_makes_no_ensemble(
    pack: Pack, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    spoilt = packs.save_as(pack, tmp_path / "spoilt", {}, changes)
    with pytest.raises(PackError, match=reason):
        load_embedder(spoilt, 1)


def test_a_member_without_a_weight(pack: Pack, tmp_path: Path) -> None:
    first, second = pack.manifest["members"]
    for weight, error in (("much", PackError), (True, PackError), (0.0, InvalidInput)):
        table = {"members": [first, {**second, "weight": weight}]}
        spoilt = packs.save_as(pack, tmp_path / f"{weight}", {}, table)
        with pytest.raises(error, match="weight"):
            load_embedder(spoilt, 1)
