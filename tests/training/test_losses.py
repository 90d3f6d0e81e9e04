"""Losses by hand, against finite differences, against another library, and at their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from renzheng import InvalidInput
from renzheng.training.distances import safe_sqrt, squared_distances, unit
from renzheng.training.losses import (
    CenterLoss,
    ContrastiveLoss,
    DistillationLoss,
    MarginSoftmaxLoss,
    SoftmaxLoss,
    TripletLoss,
)
from renzheng.training.mining import MINING_RULES

CLASSES, DIMENSION = 5, 6


def batch(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randn(12, DIMENSION, generator=rng, dtype=dtype)
    return rows, torch.arange(12) % 4


def losses() -> dict[str, Callable[[], nn.Module]]:
    sized = {"classes": CLASSES, "dimension": DIMENSION}
    found: dict[str, Callable[[], nn.Module]] = {
        f"triplet {m}": lambda m=m: TripletLoss(mining=m, margin=0.5) for m in MINING_RULES
    }
    return found | {
        "triplet soft": lambda: TripletLoss("batch-hard", "soft"),
        "triplet plain": lambda: TripletLoss("batch-hard", 0.3, squared=False),
        "contrastive": lambda: ContrastiveLoss(margin=1.3),
        "center": lambda: CenterLoss(**sized),
        "center of raw": lambda: CenterLoss(**sized, normalise=False),
        "softmax": lambda: SoftmaxLoss(**sized),
        "arcface": lambda: MarginSoftmaxLoss(**sized, scale=8),
        "cosface": lambda: MarginSoftmaxLoss(**sized, margin_kind="cosface", scale=8),
        "adaface": lambda: MarginSoftmaxLoss(**sized, margin_kind="adaface", scale=8),
    }


@pytest.mark.parametrize("name", losses())
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    torch.manual_seed(1)
    loss = losses()[name]().double().eval()
    rows, labels = batch()
    if name == "adaface":  # takes no gradient through the quality, which moves with the length
        quality = torch.linspace(-1, 1, len(rows), dtype=torch.float64)
        loss._quality = lambda embeddings: quality

    def value(rows: Tensor) -> Tensor:
        result: Tensor = loss(rows, labels, torch.Generator().manual_seed(3)).loss
        return result

    assert torch.autograd.gradcheck(value, rows.requires_grad_())


@pytest.mark.parametrize("mode", ["embeddings", "distances"])
def test_distillations_gradient(mode: str) -> None:
    loss = DistillationLoss(7, DIMENSION, mode).double()
    rows, _ = batch()
    theirs = torch.randn(12, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda r: loss(r, theirs).loss, rows.requires_grad_())


@pytest.mark.parametrize("name", losses())
@pytest.mark.parametrize("trouble", ["copies", "zeros", "bf16", "one person", "all alone", "long"])
def test_nothing_makes_a_loss_or_a_gradient_infinite(name: str, trouble: str) -> None:
    torch.manual_seed(1)
    loss = losses()[name]().train()
    rows, labels = batch(dtype=torch.float32)
    if trouble == "copies":
        rows = rows[:1].repeat(12, 1)
    if trouble == "zeros":
        rows = torch.zeros_like(rows)
    if trouble == "bf16":
        rows = rows.bfloat16()
    if trouble == "one person":
        labels = torch.zeros_like(labels)
    if trouble == "all alone":
        rows, labels = rows[:4], labels[:4]
    if trouble == "long":
        rows = rows * 1e4
    rows = rows.requires_grad_()
    outcome = loss(rows, labels, torch.Generator().manual_seed(0))
    outcome.loss.backward()
    assert torch.isfinite(outcome.loss)
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


def test_a_triplet_worked_by_hand() -> None:
    # On the unit circle at 0, 60 and 90 degrees: d^2(a, p) = 1, d^2(a, n) = 2.
    angles = torch.tensor([0.0, 60.0, 90.0]).deg2rad()
    rows = torch.stack([angles.cos(), angles.sin()], 1)
    labels = torch.tensor([0, 0, 1])
    # anchors 0 and 1: max(0, 1 - 2 + 1.5) = 0.5 and max(0, 1 - (2 - sqrt 3) + 1.5)
    wanted = (0.5 + (1 - (2 - 3**0.5) + 1.5)) / 2
    for mining in ("all", "random", "batch-hard"):
        found = TripletLoss(mining, margin=1.5)(rows, labels, torch.Generator().manual_seed(0))
        assert float(found.loss) == pytest.approx(wanted, abs=1e-6)
        assert float(found.metrics["active"]) == 1.0
    # semi-hard: only anchor 0 has a negative farther than its positive and within the margin
    semi = TripletLoss("semi-hard", margin=1.5)(rows, labels)
    assert float(semi.loss) == pytest.approx(0.5, abs=1e-6)
    solved = TripletLoss("semi-hard", margin=0.5)(rows, labels)
    assert float(solved.loss) == 0
    assert float(solved.metrics["triplets"]) == 0


def test_a_repeated_label_moves_its_center_once_by_the_mean() -> None:
    loss = CenterLoss(3, 2, alpha=0.5, normalise=False)
    rows = torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    outcome = loss(rows, torch.tensor([1, 1, 2]))
    # Centers began at 0: half the mean of 4, 16 and 9.
    assert float(outcome.loss) == pytest.approx((4 + 16 + 9) / 3 / 2)
    # Label 1: sum of (c - x) is -6 over 1 + 2 occurrences, times alpha; label 2: -3 over 2.
    np.testing.assert_allclose(loss.centers, [[0, 0], [1, 0], [0, 0.75]])
    loss.eval()(rows, torch.tensor([1, 1, 2]))
    np.testing.assert_allclose(loss.centers, [[0, 0], [1, 0], [0, 0.75]])


def test_centers_come_to_rest_at_the_means() -> None:
    rows, labels = batch(dtype=torch.float32)
    loss = CenterLoss(4, DIMENSION, normalise=False)
    for _ in range(200):
        loss(rows, labels)
    for who in range(4):
        np.testing.assert_allclose(loss.centers[who], rows[labels == who].mean(0), atol=1e-4)


def test_center_loss_asks_for_small_classes_where_softmax_does_not() -> None:
    # Free embeddings under softmax alone, and under softmax with centers.
    spreads = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        rows = torch.randn(40, 8, requires_grad=True)
        labels = torch.arange(40) % 4
        softmax, center = SoftmaxLoss(4, 8), CenterLoss(4, 8)
        move = torch.optim.Adam([rows, *softmax.parameters()], 0.05)
        for _ in range(300):
            total = softmax(rows, labels).loss + weight * center(rows, labels).loss
            move.zero_grad()
            total.backward()
            move.step()
        apart = safe_sqrt(squared_distances(unit(rows), unit(rows))).detach()
        same = labels[:, None] == labels[None]
        spreads[weight] = float(apart[same].mean() / apart[~same].mean())
    assert spreads[1.0] < 0.5 * spreads[0.0]


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_without_a_margin_every_kind_is_the_normalised_softmax(kind: str) -> None:
    torch.manual_seed(0)
    loss = MarginSoftmaxLoss(CLASSES, DIMENSION, kind, margin=0.0, scale=10)
    rows, labels = batch(dtype=torch.float32)
    logits = 10 * nn.functional.normalize(rows) @ nn.functional.normalize(loss.weight).T
    wanted = nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(loss(rows, labels).loss, wanted, atol=1e-5, rtol=1e-5)


def test_arcface_keeps_falling_beyond_half_a_turn() -> None:
    # The embedding turns away from its own class and stays at a right angle to the other.
    loss = MarginSoftmaxLoss(2, 3, margin=0.5, scale=1)
    with torch.no_grad():
        loss.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    costs = [
        float(
            loss(torch.tensor([[math.cos(a), 0.0, math.sin(a)]]), torch.tensor([0])).loss.detach()
        )
        for a in np.linspace(0.05, 3.1, 60)
    ]
    assert (np.diff(costs) > 0).all()


def test_adafaces_margin_grows_with_the_pictures_quality() -> None:
    torch.manual_seed(0)
    loss = MarginSoftmaxLoss(CLASSES, DIMENSION, "adaface", scale=10).eval()
    loss.norm_mean.fill_(10.0)
    loss.norm_spread.fill_(2.0)
    rows, labels = batch(dtype=torch.float32)
    near = unit(rows) * 0.1 + unit(loss.weight.detach())[labels]  # all easy: theta is small
    poor, good = (float(loss(unit(near) * length, labels).loss.detach()) for length in (4.0, 16.0))
    assert good > poor


def test_the_losses_agree_with_pytorch_metric_learning() -> None:
    library = pytest.importorskip("pytorch_metric_learning.losses")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    reducers = pytest.importorskip("pytorch_metric_learning.reducers")
    rows, labels = batch(4)
    ours = TripletLoss("all", margin=0.4)(rows, labels).loss
    theirs = library.TripletMarginLoss(
        margin=0.4,
        distance=distances.LpDistance(power=2),
        reducer=reducers.AvgNonZeroReducer(),
    )(rows, labels)
    torch.testing.assert_close(ours, theirs)
    contrast = library.ContrastiveLoss(
        pos_margin=0, neg_margin=1.2, distance=distances.LpDistance(power=1),
        reducer=reducers.AvgNonZeroReducer(),
    )  # fmt: skip
    assert float(ContrastiveLoss(1.2)(rows, labels).loss) > 0
    assert float(contrast(rows, labels)) > 0
    torch.manual_seed(0)
    arc = MarginSoftmaxLoss(CLASSES, DIMENSION, scale=16).double()
    peer = library.ArcFaceLoss(CLASSES, DIMENSION, margin=np.degrees(0.5), scale=16).double()
    cos = MarginSoftmaxLoss(CLASSES, DIMENSION, "cosface", scale=16).double()
    cosine_peer = library.CosFaceLoss(CLASSES, DIMENSION, margin=0.35, scale=16).double()
    for one, other in ((arc, peer), (cos, cosine_peer)):
        with torch.no_grad():
            other.W.copy_(one.weight.T)
        easy = unit(rows) + 2 * unit(one.weight.detach())[labels]  # no angle near half a turn
        torch.testing.assert_close(one(easy, labels).loss, other(easy, labels), rtol=1e-6, atol=0)


def test_distillation_is_content_with_the_teachers_answer() -> None:
    theirs, _ = batch(dtype=torch.float32)
    turned = theirs @ torch.linalg.qr(torch.randn(DIMENSION, DIMENSION))[0]
    same = DistillationLoss(DIMENSION, DIMENSION)
    relational = DistillationLoss(DIMENSION, DIMENSION, "distances")
    assert float(same(3 * theirs, theirs).loss) == pytest.approx(0, abs=1e-6)
    assert float(same(-theirs, theirs).loss) == pytest.approx(2, abs=1e-6)
    assert float(relational(turned, theirs).loss) == pytest.approx(0, abs=1e-5)
    assert float(same(turned, theirs).loss) > 0.1


@pytest.mark.parametrize(
    "make",
    [
        lambda: TripletLoss("nearest"),
        lambda: TripletLoss(margin=0),
        lambda: TripletLoss(margin="hard"),
        lambda: TripletLoss("semi-hard", "soft"),
        lambda: TripletLoss("distance-weighted", normalise=False),
        lambda: ContrastiveLoss(margin=-1),
        lambda: CenterLoss(3, 2, alpha=0),
        lambda: CenterLoss(0, 2),
        lambda: SoftmaxLoss(1, 2),
        lambda: MarginSoftmaxLoss(3, 2, "sphereface"),
        lambda: MarginSoftmaxLoss(3, 2, margin=2),
        lambda: MarginSoftmaxLoss(3, 2, scale=0),
        lambda: DistillationLoss(3, 2, "answers"),
    ],
)
def test_a_parameter_out_of_range_is_refused(make: Callable[[], nn.Module]) -> None:
    with pytest.raises(InvalidInput):
        make()
