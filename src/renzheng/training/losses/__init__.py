"""Losses, one idea in each file: embeddings and labels of a batch give a `LossOutput`."""

from renzheng.training.losses.center import CenterLoss
from renzheng.training.losses.contrastive import ContrastiveLoss
from renzheng.training.losses.distillation import DistillationLoss
from renzheng.training.losses.output import LossOutput
from renzheng.training.losses.softmax import MarginSoftmaxLoss, SoftmaxLoss
from renzheng.training.losses.triplet import TripletLoss

__all__ = [
    "CenterLoss",
    "ContrastiveLoss",
    "DistillationLoss",
    "LossOutput",
    "MarginSoftmaxLoss",
    "SoftmaxLoss",
    "TripletLoss",
]
