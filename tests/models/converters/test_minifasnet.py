from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from renzheng import PackError, images
from renzheng.faces.detection import Detector
from renzheng.faces.liveness import Liveness
from renzheng.models.converters import minifasnet
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network

torch = pytest.importorskip("torch", reason="the oracle runs on torch")
import reference_minifasnet as reference  # noqa: E402


def saved(state: reference.State, path: Path, *, archive: bool = False) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    return path


@pytest.mark.parametrize("se", [False, True])
@pytest.mark.parametrize(("side", "width"), [(32, 6), (48, 9)])
def test_made_up_networks_give_what_torch_gives(
    tmp_path: Path, se: bool, side: int, width: int
) -> None:
    state = reference.random_state(se=se, side=side, width=width, seed=side)
    network = Network(minifasnet.convert(saved(state, tmp_path / "n.pth", archive=se)))
    rng = np.random.default_rng(1)
    batch = rng.uniform(0, 255, (4, 3, 1, 1)) * rng.uniform(0, 1, (4, 3, side, side))
    batch = batch.astype(np.float32)
    wanted = reference.probabilities(state, torch.from_numpy(batch)).numpy()
    assert np.ptp(wanted[:, 1]) > 1e-3  # the weights do tell pictures apart
    (found,) = network(batch)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_authors_networks_give_what_torch_gives(
    tmp_path: Path, assets: Path, mtcnn_pack: Pack
) -> None:
    folder = assets / "weights" / "antispoof"
    minifasnet.build(tmp_path, {n: folder / n for n in minifasnet.NETWORKS})
    networks = {n: Network(tmp_path / f) for n, f in minifasnet.NETWORKS.items()}
    liveness = Liveness(
        {name: (network, float(name[:3].replace("_", "."))) for name, network in networks.items()},
        size=80, classes=("a", "live", "b"), live="live", threshold=0.5, channels="BGR",
    )  # fmt: skip
    detector = Detector.from_folder(mtcnn_pack.folder, min_face_size=40)
    random = np.random.default_rng(5).uniform(0, 255, (6, 3, 80, 80)).astype(np.float32)
    for number, (name, network) in enumerate(networks.items()):
        state = torch.load(folder / name, weights_only=True, map_location="cpu")
        batches = [random]
        for photo in ("T1", "F1", "F2"):
            image = images.read(assets / "photos" / f"antispoof_{photo}.jpg")
            crop = liveness.crops(image, detector.detect(image)[0])[number, ..., ::-1]
            batches.append(crop.transpose(2, 0, 1)[None].astype(np.float32))
        for batch in batches:
            wanted = reference.probabilities(state, torch.from_numpy(batch)).numpy()
            np.testing.assert_allclose(network(batch)[0], wanted, atol=1e-4)


Spoil = Callable[[reference.State], object]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: s.pop("module.conv_34.conv_dw.bn.bias"), "conv_34.conv_dw.bn.bias is missing"),
        (lambda s: s.update({"module.more": torch.zeros(2)}), "also holds more"),
        (lambda s: s["module.bn.weight"].fill_(torch.nan), "bn.weight"),
        (lambda s: s["module.bn.running_var"].fill_(-1), "negative"),
        (lambda s: s.update({"module.prob.weight": torch.zeros(3, 9)}), "prob.weight"),
        (lambda s: s.update({"module.prob.weight": torch.zeros(3, 8, dtype=torch.long)}), "int64"),
        (lambda s: s.clear(), "conv1.conv.weight is missing"),
    ],
)
def test_other_networks_are_refused(tmp_path: Path, spoil: Spoil, reason: str) -> None:
    state = reference.random_state(se=True)
    spoil(state)
    with pytest.raises(PackError, match=reason) as caught:
        minifasnet.convert(saved(state, tmp_path / "n.pth"))
    assert caught.value.source == str(tmp_path / "n.pth")
