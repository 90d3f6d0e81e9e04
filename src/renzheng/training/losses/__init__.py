"""Losses, one file an idea; each takes a batch's embeddings and labels and gives an `Outcome`."""

from renzheng.training.losses.center import CenterLoss
from renzheng.training.losses.contrastive import ContrastiveLoss
from renzheng.training.losses.distillation import DistillationLoss
from renzheng.training.losses.outcome import Outcome
from renzheng.training.losses.softmax import MarginSoftmaxLoss, SoftmaxLoss
from renzheng.training.losses.triplet import TripletLoss

__all__ = [
    "CenterLoss",
    "ContrastiveLoss",
    "DistillationLoss",
    "MarginSoftmaxLoss",
    "Outcome",
    "SoftmaxLoss",
    "TripletLoss",
]
