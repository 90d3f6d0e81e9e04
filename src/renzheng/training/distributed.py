"""Several processes that train as one: batches gathered together with their gradients."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, distributed


def start(device: torch.device) -> None:
    """Join the processes that ``torchrun`` started; without ``torchrun`` there is nothing to do."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop() -> None:
    """Leave the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def world_size() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Return this process's number; process 0 writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def local_rank() -> int:
    """Return the index of this process's GPU on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def gather(rows: Tensor) -> Tensor:
    """Gather the rows of all processes, in order of rank: (n, ...) to (n * world_size, ...).

    Every process computes the loss of the whole batch, so that mining sees all of it. The gradient
    of a process reaches its own rows only, and DistributedDataParallel takes the mean over
    processes; times `world_size` that is the gradient of the whole batch, as in one process.
    """
    if world_size() == 1:
        return rows
    if not rows.requires_grad:
        return _all_gather(rows)
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


def _all_gather(rows: Tensor) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        return _all_gather(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        first = rank() * ctx.rows
        return gradients[0][first : first + ctx.rows] * world_size()
