"""Slices are independent: on a CPU each is made by one thread, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_thread_each(function: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> list[Result]:
    """``[function(item) for item in items]``, on as many threads as torch may use, one for each item.

    A slice is a thousand operations of some ten microseconds each. Left to itself torch splits every one of them over
    the cores, which gains little, and nearly stops when another process keeps one core busy: each operation then waits
    for the slower half. Torch lets go of the interpreter while it computes, so plain threads are enough.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        return [function(item) for item in items]
    try:
        # The initializer holds for each worker, but sets the default of later threads too: hence the reset.
        with ThreadPoolExecutor(min(threads, len(items)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(threads)
