"""Several processes as one: batches gathered with their gradients."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, distributed


def start(device: torch.device) -> None:
    """Join the processes that ``torchrun`` started; without it there is one and nothing to do."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop() -> None:
    """Leave them."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is; 0 writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def local() -> int:
    """Which of this machine's GPUs belongs to this process."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def gather(rows: Tensor) -> Tensor:
    """Everyone's rows, this process's in their place with gradient: (n, ...) to (n * count, ...).

    Every process computes the loss of the whole batch, so that mining sees all of it. A process's
    gradient reaches its own rows only, and DistributedDataParallel takes the mean over processes;
    times `count` that is the gradient of the whole batch, as one process would have it.
    """
    if count() == 1:
        return rows
    if not rows.requires_grad:
        parts = [torch.empty_like(rows) for _ in range(count())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(count())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        own = rank() * ctx.rows
        return gradients[0][own : own + ctx.rows] * count()
