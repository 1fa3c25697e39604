"""Where training batches come from: a fastMRI folder, or simulated anatomy made on the device as it goes.

Batch n of a source is the same whoever asks for it and whenever, so a resumed training sees what it would have seen,
and several processes share a batch by taking a share of its slices.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from reconode import masks, phantoms
from reconode.data import census, fastmri
from reconode.data.slices import Batch, Meta, ShapeBatches, SliceDataset, Undersample, collate
from reconode.errors import DataError, UsageError
from reconode.physics import MRIOperator, max_zero_filled
from reconode.storage import weights

SIMULATED = "simulated"
VALIDATION_SEED = 1_000_003
"""Names the series of simulated slices that nothing is ever trained on."""

VARIED = {"sizes": "broad", "wide": "natural"}
"""Mixes with another matrix for each batch, and so another size of the pixels, and what they are made of."""

SCALES = (2 / 3, 5 / 6, 1.0, 7 / 6, 4 / 3, 5 / 3)
"""Of rows and columns in these, each as often; few, so that what is compiled for a size is met again."""

MIXES = ("knees", "broad", "natural", *VARIED)
"""What can be trained on. The phantoms' mix "pictures" is left out: its pictures are for tests."""


class Source(Protocol):
    """What the training loop needs of its data."""

    @property
    def accelerations(self) -> tuple[float, ...]:
        """Of the masks: each example's is drawn from these."""
        ...

    def batches(self, start: int) -> Iterator[Batch]:
        """Training batches from number `start` on, without end; this process's share of each."""
        ...

    def validation(self, acceleration: float | None = None) -> Iterator[Batch]:
        """The validation slices in order, whole, the same at each call; None is the first of the accelerations."""
        ...


@dataclass(frozen=True)
class Simulated:
    """Slices of simulated anatomy, each seen once.

    Args:
        acceleration: of the masks.
        kind: of the masks.
        batch_size: slices a batch, over all processes.
        seed: names the series and the masks.
        shape: rows and columns.
        mix: "knees", "broad" or "natural" (:func:`reconode.phantoms.slices`), or one of :data:`VARIED`.
        validation_slices: how many knees to validate on.
        device: where they are made.
        rank: this process.
        processes: how many share each batch.
        keep: a folder where slices stay once they are made, for the next training on the same ones.
        also: other accelerations, mixed with the first.

    Raises:
        UsageError: for a mix that there isn't, or that nothing is trained on.
    """

    acceleration: float
    kind: str
    batch_size: int
    seed: int
    shape: tuple[int, int] = (320, 368)
    mix: str = "broad"
    validation_slices: int = 16
    device: torch.device | str = "cpu"
    rank: int = 0
    processes: int = 1
    keep: str | None = None
    also: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.mix not in MIXES:
            raise UsageError(f"the mix to train on must be one of {', '.join(MIXES)}, not {self.mix!r}")

    @property
    def accelerations(self) -> tuple[float, ...]:
        return (self.acceleration, *self.also)

    def grid(self, number: int) -> tuple[int, int]:
        """Rows and columns of training batch `number`."""
        scale = random.Random(f"{self.seed} {number} grid").choice(SCALES) if self.mix in VARIED else 1
        rows, columns = (max(64, 2 * round(n * scale / 2)) if scale != 1 else n for n in self.shape)
        return rows, columns

    def batches(self, start: int) -> Iterator[Batch]:
        share = self.batch_size // self.processes
        while True:
            first = start * self.batch_size + self.rank * share
            mix, shape = VARIED.get(self.mix, self.mix), self.grid(start)
            yield self._batch(self.seed, first, share, mix, shape, self.accelerations)
            start += 1

    def validation(self, acceleration: float | None = None) -> Iterator[Batch]:
        chosen = (self.acceleration if acceleration is None else acceleration,)
        for first in range(0, self.validation_slices, 4):
            count = min(4, self.validation_slices - first)
            yield self._batch(VALIDATION_SEED, first, count, "knees", self.shape, chosen)

    def _batch(
        self, seed: int, first: int, count: int, mix: str, shape: tuple[int, int], accelerations: tuple[float, ...]
    ) -> Batch:
        numbers = range(first, first + count)
        hybrid, target, contrast = self._fully_sampled(seed, first, count, mix, shape)
        factors = [masks.one_of(accelerations, (seed, n)) for n in numbers]
        drawn = [masks.draw(self.kind, shape[1], a, seed=(seed, n)) for n, a in zip(numbers, factors, strict=True)]
        E = MRIOperator(torch.stack(drawn).to(self.device))
        y = E.measure(hybrid)
        scale = max_zero_filled(y, E)
        target = target / scale[:, 0]
        meta = [
            Meta(f"{SIMULATED}-{seed}-{n}", 0, contrast, float(s), float(t.max()))
            for n, contrast, s, t in zip(numbers, contrast, scale.flatten(), target, strict=True)
        ]
        return Batch(y / scale, E, target, meta)

    def _fully_sampled(
        self, seed: int, first: int, count: int, mix: str, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Data, targets and contrasts: made, or found where an earlier training kept them."""
        rows, columns = shape
        path = Path(self.keep or "") / f"{mix}-{rows}x{columns}-{seed}" / f"{first}-{count}.safetensors"
        if self.keep is not None and path.exists():
            tensors, about = weights.read(path)
            return tensors["hybrid"].to(self.device), tensors["target"].to(self.device), about["contrast"]
        made = phantoms.slices(count, shape, seed=seed, start=first, mix=mix, device=self.device)
        if self.keep is not None:
            about = {"model": SIMULATED, "contrast": made.contrast}
            weights.write(path, {"hybrid": made.hybrid, "target": made.target}, about)
        return made.hybrid, made.target, made.contrast


class Folder:
    """Volumes on disk: ``*train*`` and ``*val*`` inside a folder, as fastMRI's; else one in ten of its files validates.

    Args:
        root: the folder.
        acceleration: of the masks.
        kind: of the masks.
        batch_size: slices a batch, over all processes.
        seed: of the order and the masks.
        workers: reading processes.
        validation_volumes: validate on so many volumes at most; 0 is all.
        rank: this process.
        processes: how many share each batch.
        also: other accelerations, mixed with the first.

    Raises:
        DataError: for a folder without volumes, with a single one, or with files that are not volumes.
    """

    def __init__(
        self,
        root: str | Path,
        acceleration: float,
        kind: str,
        batch_size: int,
        seed: int,
        workers: int = 0,
        validation_volumes: int = 0,
        rank: int = 0,
        processes: int = 1,
        also: tuple[float, ...] = (),
    ) -> None:
        train, val = split(Path(root))
        val = val[:validation_volumes] if validation_volumes else val
        self.kind, self.accelerations = kind, (acceleration, *also)
        self.train = SliceDataset(train, Undersample(acceleration, kind, seed, also))
        self.val = SliceDataset(val, Undersample(acceleration, kind))
        for name, dataset in (("training", self.train), ("validation", self.val)):
            missing = [info.path for info in dataset.infos if info.target is None]
            if missing:
                raise DataError(f"{missing[0]}: no target in it; {name} needs volumes with targets")
        self.sampler = ShapeBatches(self.train, batch_size, seed, share=(rank, processes))
        self.workers = workers

    def batches(self, start: int) -> Iterator[Batch]:
        if len(self.sampler) == 0:
            raise DataError("fewer slices of one shape than a batch has: use a smaller --batch-size")
        loader = DataLoader(
            self.train,
            batch_sampler=self.sampler,
            num_workers=self.workers,
            collate_fn=collate,
            persistent_workers=self.workers > 0,
            generator=own(),
        )
        epoch, skipped = divmod(start, len(self.sampler))
        while True:
            self.sampler.set_epoch(epoch, skipped)
            yield from loader
            epoch, skipped = epoch + 1, 0

    def validation(self, acceleration: float | None = None) -> Iterator[Batch]:
        chosen = self.accelerations[0] if acceleration is None else acceleration
        dataset = self.val.transformed(Undersample(chosen, self.kind))
        sampler: ShapeBatches = ShapeBatches(dataset, 4)
        yield from DataLoader(
            dataset, batch_sampler=sampler, num_workers=self.workers, collate_fn=collate, generator=own()
        )


def own() -> torch.Generator:
    """For a loader's workers: from torch's own a loader draws once an epoch, and a resumed training has begun one more.

    Then whatever a network draws, dropout say, would not be what it would have been.
    """
    return torch.Generator().manual_seed(0)


def split(root: Path) -> tuple[list[Path], list[Path]]:
    """Training and validation files of a folder."""
    folders = census.split_folders(root)
    if {"train", "val"} <= folders.keys():
        return fastmri.volumes(folders["train"]), fastmri.volumes(folders["val"])
    files = fastmri.volumes(root)
    if len(files) < 2:
        raise DataError(f"{root}: one volume cannot both train and validate; expected two or more")
    held_out = max(1, len(files) // 10)
    return files[:-held_out], files[-held_out:]


def check_share(batch_size: int, processes: int) -> None:
    """A batch must divide among the processes, so that each gradient weighs the same.

    Raises:
        UsageError: when it doesn't.
    """
    if batch_size < 1 or batch_size % processes:
        raise UsageError(
            f"a batch of {batch_size} cannot be shared by {processes} processes: use a multiple of {processes}"
        )
