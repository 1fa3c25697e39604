"""From a folder of fastMRI volumes to batches ``(y, E, target, meta)`` that a model takes as they are.

Three steps, each usable alone: :class:`SliceDataset` reads raw slices, :class:`Undersample` turns one into masked data,
:func:`loader` batches slices of equal shape (fastMRI's widths vary) and builds the measurement operator.
"""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from reconode import masks
from reconode.data import verify
from reconode.data.fastmri import Volume, check_target, inspect, volumes
from reconode.data.info import FileInfo
from reconode.errors import DataError, UsageError
from reconode.physics import MRIOperator, center_crop
from reconode.storage import hdf5, probe
from reconode.storage.samples import Slices

Key = int | tuple[int, int]
"""A slice's number, or (number, draw): the same slice under another mask, a new draw each epoch."""


@dataclass(frozen=True)
class RawSlice:
    """One slice as the file holds it.

    Attributes:
        kspace: complex64 ``(coils, rows, columns)``.
        target: float32 ``(rows, columns)``, or None for a test file.
        info: the volume's file.
        index: the slice's number in its volume.
        draw: which of the slice's masks is wanted (the epoch).
        maximum: maximum of the volume's target, the data range of its scores; NaN without a target.
    """

    kspace: np.ndarray
    target: np.ndarray | None
    info: FileInfo
    index: int
    draw: int
    maximum: float


class Meta(NamedTuple):
    """Where a slice came from, and the numbers that lead back to its unit.

    ``scale``: the slice's data and target were divided by it (max |zero-filled|); multiply a reconstruction by it.
    ``data_range``: maximum of the volume's target, divided by ``scale``; NaN without a target.
    """

    file: str
    slice: int
    acquisition: str
    scale: float
    data_range: float


class Sample(NamedTuple):
    """One undersampled slice, scaled: what :func:`collate` stacks."""

    y: Tensor
    mask: Tensor
    sensitivities: Tensor | None
    target: Tensor | None
    meta: Meta


class Batch(NamedTuple):
    """What a model is trained on: ``model(batch.y, batch.E)`` against ``batch.target``.

    ``y`` complex64 ``(batch, coils, rows, columns)``, hybrid space; ``target`` float32 ``(batch, rows, columns)``,
    columns cropped as fastMRI's, or None for test files. Both scaled a slice: see :class:`Meta`.
    """

    y: Tensor
    E: MRIOperator
    target: Tensor | None
    meta: list[Meta]

    def to(self, device: torch.device | str) -> Batch:
        target = None if self.target is None else self.target.to(device, non_blocking=True)
        return Batch(self.y.to(device, non_blocking=True), self.E.to(device), target, self.meta)

    def pin_memory(self) -> Batch:
        """Called by a DataLoader with ``pin_memory=True``."""
        target = None if self.target is None else self.target.pin_memory()
        return Batch(self.y.pin_memory(), self.E.pin_memory(), target, self.meta)


def slab(batch: Batch, rows: int, first: int) -> Batch:
    """Some rows of a batch of slices: exact, since a mask acts on columns only and the readout is in image space.

    A network sees whole aliases in a slab, whatever its height, at a fraction of a slice's time. Scale and data range
    stay the slice's.

    Args:
        batch: slices whose target has all rows of y.
        rows: height of the slab.
        first: where it starts.

    Raises:
        UsageError: for rows that are not there.
        DataError: for a target of another height than y.
    """
    height = batch.y.shape[-2]
    if not 0 <= first <= height - rows < height:
        raise UsageError(f"rows {first} to {first + rows} of a slice with {height}")
    target = batch.target
    if target is not None and target.shape[-2] != height:
        raise DataError(f"a slab needs a target with the {height} rows of its data, not {target.shape[-2]}")
    kept = slice(first, first + rows)
    cut = None if target is None else target[..., kept, :]
    return Batch(batch.y[..., kept, :], batch.E.rows(first, rows), cut, batch.meta)


class _Open(NamedTuple):
    """An open file and its arrays: to look them up by name costs a tenth of reading a slice."""

    file: h5py.File
    kspace: Slices
    target: Slices | None

    @classmethod
    def of(cls, info: FileInfo, plain: bool) -> _Open:
        file = h5py.File(info.path, "r")
        target = None if info.target is None else Slices(file[info.target], plain)
        return cls(file, Slices(file["kspace"], plain), target)


class SliceDataset(Dataset[Any]):
    """Every slice of the volumes in a folder, raw or transformed.

    Each file is checked when the data set is made. A worker opens files when it first needs them and keeps the most
    recently used open.

    Args:
        source: a folder, a file, or a list of files.
        transform: from :class:`RawSlice` to what the data set returns; None returns the raw slice.
        keep_open: how many files a worker keeps open.

    Raises:
        DataError: for a folder without volumes, or any file in it that is not a volume.
    """

    def __init__(
        self,
        source: str | Path | Sequence[str | Path],
        transform: Callable[[RawSlice], Any] | None = None,
        keep_open: int = 64,
    ) -> None:
        paths = volumes(source) if isinstance(source, str | Path) else [Path(p) for p in source]
        self.infos = [inspect(path) for path in paths]
        self.transform = transform
        self._slices = [(v, s) for v, info in enumerate(self.infos) for s in range(info.slices)]
        self._keep_open = keep_open
        self._files: OrderedDict[Path, _Open] = OrderedDict()
        self._known: dict[Path, tuple[bool, float]] = {}
        self._checked: set[tuple[Path, int]] = set()
        self._owner = os.getpid()

    def __len__(self) -> int:
        return len(self._slices)

    def __getitem__(self, key: Key) -> Any:
        number, draw = key if isinstance(key, tuple) else (key, 0)
        volume, index = self._slices[number]
        raw = self._read(self.infos[volume], index, draw)
        return raw if self.transform is None else self.transform(raw)

    def transformed(self, transform: Callable[[RawSlice], Any] | None) -> SliceDataset:
        """The same slices under another transform; what is known of the files is shared, open files are not."""
        other = copy.copy(self)
        other.transform, other._files = transform, OrderedDict()
        return other

    def shape(self, number: int) -> tuple[Any, ...]:
        """What must be equal for slices to share a batch: k-space and image sizes."""
        info = self.infos[self._slices[number][0]]
        return (*info.shape[1:], *info.recon, info.target is None)

    def _read(self, info: FileInfo, index: int, draw: int) -> RawSlice:
        if self._owner != os.getpid():  # a forked worker must not share its parent's file handles
            self._files, self._owner = OrderedDict(), os.getpid()
        first = (info.path, index) not in self._checked
        if info.path not in self._known:
            self._known[info.path] = self._first_look(info)
        plain, maximum = self._known[info.path]
        if first and not plain:
            hdf5.look(info.path, index)
        with hdf5.errors_of(info.path):
            file = self._open(info, plain)
            kspace = np.asarray(file.kspace[index], dtype=np.complex64).reshape(info.shape[1:])
            row = verify.check_kspace(kspace, info, index) if first else None
            target = None if file.target is None else np.asarray(file.target[index], dtype=np.float32)
            if row is not None and target is not None:
                verify.check_image(target, row, info, index)
        if first:
            self._checked.add((info.path, index))
        return RawSlice(kspace, target, info, index, draw, maximum)

    def _first_look(self, info: FileInfo) -> tuple[bool, float]:
        """Whether reading slices can do no harm, else each is tried elsewhere first; the maximum of the whole target.

        The target is compared with what the file states of it.
        """
        plain = hdf5.look(info.path)
        if info.target is None:
            return plain, float("nan")
        if not plain:
            hdf5.look(info.path, probe.TARGETS)
        with hdf5.errors_of(info.path):
            return plain, check_target(self._open(info, plain).file, info, plain=plain)

    def _open(self, info: FileInfo, plain: bool) -> _Open:
        file = self._files.pop(info.path, None) or _Open.of(info, plain)
        self._files[info.path] = file
        if len(self._files) > self._keep_open:
            self._files.popitem(last=False)[1].file.close()
        return file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": OrderedDict()}  # open files cannot be sent to another process


@dataclass(frozen=True)
class Undersample:
    """Raw slice → masked, scaled data in hybrid space, readout cropped.

    Args:
        acceleration: of the mask.
        kind: of the mask, a name of :data:`reconode.masks.KINDS`.
        seed: None gives every slice its file's mask (evaluation, fastMRI's convention); a number gives a fresh mask for
            each slice and draw, reproducible whatever worker draws it (training).
        also: other accelerations, mixed with the first; for training.
    """

    acceleration: float = 4
    kind: str = "random"
    seed: int | None = None
    also: tuple[float, ...] = ()

    def __call__(self, raw: RawSlice) -> Sample:
        info = raw.info
        kspace = torch.from_numpy(raw.kspace)
        alone = Volume(replace(info, shape=(1, *info.shape[1:])), kspace[None], None, info.mask)
        drawn = self._draw(raw) if info.mask is None else None
        y, E, scale = alone.scaled(drawn)
        target = None
        if raw.target is not None:
            target = center_crop(torch.from_numpy(raw.target), *info.recon) / scale[0, 0, 0]
        meta = Meta(info.name, raw.index, info.acquisition, float(scale), raw.maximum / float(scale))
        mask = info.mask if drawn is None else drawn
        assert mask is not None
        return Sample(y[0], mask, None if E.sensitivities is None else E.sensitivities[0], target, meta)

    def _draw(self, raw: RawSlice) -> Tensor:
        if self.seed is None:
            return masks.draw(self.kind, raw.info.width, self.acceleration, seed=raw.info.name)
        seed = (self.seed, raw.draw, raw.index, *map(ord, raw.info.name))
        acceleration = masks.one_of((self.acceleration, *self.also), seed)
        return masks.draw(self.kind, raw.info.width, acceleration, seed=seed)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack slices of equal shape and build the operator that measured them, a mask each."""
    y = torch.stack([s.y for s in samples])
    maps = [s.sensitivities for s in samples if s.sensitivities is not None]
    targets = [s.target for s in samples if s.target is not None]
    E = MRIOperator(torch.stack([s.mask for s in samples]), torch.stack(maps) if maps else None)
    return Batch(y, E, torch.stack(targets) if targets else None, [s.meta for s in samples])


class ShapeBatches(Sampler[list[Key]]):
    """Batches of slices of one shape, in random order or in the data's; every slice once an epoch.

    Args:
        dataset: the slices.
        batch_size: slices a batch.
        seed: of the shuffling, to train; None keeps the order, to evaluate. A shape's last batch may be smaller when
            evaluating; when training it is left out, so that every batch weighs the same.
        share: (rank, processes) when several processes share each batch.
    """

    def __init__(
        self, dataset: SliceDataset, batch_size: int, seed: int | None = None, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.batch_size, self.seed, self.share, self.epoch, self.skipped = batch_size, seed, share, 0, 0
        self._groups: dict[tuple[Any, ...], list[int]] = {}
        for number in range(len(dataset)):
            self._groups.setdefault(dataset.shape(number), []).append(number)

    def __len__(self) -> int:
        sizes = [len(group) for group in self._groups.values()]
        return sum(n // self.batch_size if self.seed is not None else -(-n // self.batch_size) for n in sizes)

    def __iter__(self) -> Iterator[list[Key]]:
        rng = np.random.default_rng(None if self.seed is None else (self.seed, self.epoch))
        rank, processes = self.share
        batches: list[list[Key]] = []
        for group in self._groups.values():
            order = group if self.seed is None else rng.permutation(group).tolist()
            keys: list[Key] = [(number, self.epoch) for number in order]
            batches += [keys[i : i + self.batch_size] for i in range(0, len(keys), self.batch_size)]
        if self.seed is not None:
            batches = [batch for batch in batches if len(batch) == self.batch_size]
        order = range(len(batches)) if self.seed is None else rng.permutation(len(batches)).tolist()
        for number in order[self.skipped :]:
            yield batches[number][rank::processes]

    def set_epoch(self, epoch: int, skipped: int = 0) -> None:
        """Another order and, with :class:`Undersample`'s seed, other masks; call it before each epoch.

        Args:
            epoch: which.
            skipped: batches to leave out at its start, for a training that resumes in the middle of it.
        """
        self.epoch, self.skipped = epoch, skipped


def loader(
    source: str | Path | Sequence[str | Path],
    *,
    acceleration: float = 4,
    kind: str = "random",
    batch_size: int = 1,
    train: bool = False,
    seed: int = 0,
    workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """Batches of a folder of volumes: fresh masks and random order to train, the files' own masks in order to evaluate.

    Args:
        source: a folder, a file, or a list of files.
        acceleration: of the masks.
        kind: of the masks, a name of :data:`reconode.masks.KINDS`.
        batch_size: slices a batch, all of one shape.
        train: random order and masks; call ``loader.batch_sampler.set_epoch(n)`` before each epoch.
        seed: of the order and the masks when training.
        workers: processes that read.
        pin_memory: page-locked memory, for a GPU.
    """
    dataset = SliceDataset(source, Undersample(acceleration, kind, seed if train else None))
    return DataLoader(
        dataset,
        batch_sampler=ShapeBatches(dataset, batch_size, seed if train else None),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
    )
