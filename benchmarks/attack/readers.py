"""What is done with a damaged file of each kind: each reader of the library, and the commands, as users run them.

An attempt takes a seed, damages one file by it, and says in a word what became of it. Whatever it raises is a traceback
that a user would see.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mutate_hdf5
import mutate_structure
import mutate_weights
import numpy as np
import torch
from typer.testing import CliRunner

from reconode import evaluate, zoo
from reconode import train as training
from reconode.cli.__main__ import app
from reconode.data import fastmri
from reconode.data.slices import SliceDataset
from reconode.errors import DataError
from reconode.experiment import results, rows, tables
from reconode.physics import center_crop
from reconode.runs import Run, Settings
from reconode.storage import probe, weights

SETTINGS = Settings("lt-euler", steps=4, batch_size=1, size=(64, 64), mix="knees", validate_every=4, validation=1)
ALONE = 8
"""Each so many files are looked at by the library's other process; the rest, which is quicker, by its code in this."""
SHOWN = 0.001
"""A relative difference that counts."""
PROBED = 2.0
"""Seconds that the library's own child may take for one of these small files, in place of its usual patience."""

Attempt = Callable[[int], str]


class Here:
    """The library's other process, in this one: what it does to this one must be tried again with the other."""

    owner, started, process = os.getpid(), True, SimpleNamespace(poll=lambda: None)

    def ask(self, path: Path, samples: probe.Samples, seconds: float) -> str:
        request = {"path": os.fsencode(path.resolve()).hex(), "samples": samples, "largest": probe.LARGEST}
        return json.dumps(probe._answer(request))

    def stop(self) -> None:
        pass


_other: Any = None


def look(here: bool) -> None:
    """Where the library looks at files from now on."""
    global _other
    now: Any = probe._child
    if here == isinstance(now, Here):
        return
    if here:
        _other, probe._child = now, Here()  # type: ignore[assignment]
        Here.owner = os.getpid()
    else:
        probe._child = _other


def attempts(kind: str, folder: Path) -> Attempt:
    """The attempt on files of a kind, a name of :data:`fuzz.KINDS`."""
    probe.PATIENCE = PROBED
    if kind.startswith("volumes"):
        return volumes(folder, kind.endswith("structure"))
    if kind == "reconstructions":
        return reconstructions(folder)
    return results_files(folder) if kind == "results" else files_of_weights(folder, kind == "checkpoints")


def differs(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape != b.shape or not float((a - b).norm()) <= SHOWN * float(b.norm())


def identical(a: fastmri.Volume, b: fastmri.Volume) -> bool:
    """Sample for sample, and in what the files say."""
    assert a.target is not None and b.target is not None
    said = a.info.attributes == b.info.attributes and a.info.padding == b.info.padding
    return said and torch.equal(a.kspace, b.kspace) and torch.equal(a.target, b.target)


def any_differs(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether any slice does."""
    return a.shape != b.shape or any(map(differs, a, b))


def refusal(error: Exception) -> str:
    """How the library refused a file: by itself, or after its child crashed or hung on it."""
    text = str(error)
    if "\n" in text:
        raise RuntimeError(f"more than a sentence: {text}")
    caught = {"(reading it crashes)": "refused, a crash caught", "does not come to an end": "refused, a hang caught"}
    return next((word for words, word in caught.items() if words in text), "refused")


def volumes(folder: Path, structural: bool) -> Attempt:
    """Each reader of the library on a damaged volume; what they return is compared with the original's."""
    originals = mutate_hdf5.originals(folder)
    names, whole, mutators = list(originals), {}, {}
    for name, data in originals.items():
        (folder / "whole.h5").write_bytes(data)
        whole[name], mutators[name] = fastmri.read(folder / "whole.h5"), mutate_hdf5.Bytes(data)
    batch = folder / "batch"
    batch.mkdir()
    path, beside = batch / "damaged.h5", batch / "whole.h5"
    (folder / "whole.h5").unlink()
    beside.write_bytes(originals["ours"])

    def attempt(seed: int) -> str:
        rng, name = np.random.default_rng(seed), names[seed % len(names)]
        try:
            data = mutate_structure.through_h5py(originals[name], rng) if structural else mutators[name](rng)
        except (OSError, ValueError, TypeError, RuntimeError, KeyError):  # a second change on what the first one left
            return "not made"
        path.unlink(missing_ok=True)  # a file of its own each time: what is open is shared by all who open it again
        path.write_bytes(data)
        found, refused, said = whole[name], list[str](), list[str]()
        exact = name == "ours" and not structural  # of which each byte has a checksum
        for reader in (checked, info_only, target_only, slice_by_slice):
            try:
                said.append(reader(path, found))
                if exact and reader is checked and not identical(fastmri.read(path), found):
                    said[0] = "wrong"
            except DataError as error:
                refused.append(refusal(error))
                said.append("refused")
        if seed % ALONE == 0:
            commands(batch)
        if said[0] == "refused":
            return "only --check tells" if "wrong" in said else max(refused, key=len)
        if said[0] == "no target" or (found.target is None and "wrong" in said):
            return f"silent without target, {name}"
        if said[0] != "right" or "wrong" in said:
            return f"silent, {name}" if said[0] != "fits" else "other content that fits"
        return max(refused, key=len) if refused else "unharmed"

    return attempt


def checked(path: Path, found: fastmri.Volume) -> str:
    """As ``info --check`` reads: whether it is what was written, or other content whose target and k-space fit."""
    read = fastmri.read(path, thorough=True)
    gone = read.target is None
    same = not any_differs(read.kspace, found.kspace) and read.info.recon == found.info.recon
    if same and (gone or found.target is None or not any_differs(read.target, found.target)):
        return "right"
    if gone:
        return "no target"
    kspace = np.fft.ifftshift(read.kspace.numpy().astype(np.complex128), axes=(-2, -1))
    coils = np.fft.fftshift(np.fft.ifft2(kspace, norm="ortho"), axes=(-2, -1))
    image = center_crop(torch.from_numpy(np.sqrt((np.abs(coils) ** 2).sum(1))), *read.info.recon)
    return "wrong" if any_differs(read.target.double(), image) else "fits"


def info_only(path: Path, found: fastmri.Volume) -> str:
    fastmri.inspect(path)
    return "right"


def target_only(path: Path, found: fastmri.Volume) -> str:
    """As ``evaluate`` reads."""
    target = fastmri.read_target(path)[1]
    return "wrong" if found.target is not None and any_differs(target, found.target) else "right"


def slice_by_slice(path: Path, found: fastmri.Volume) -> str:
    """As ``train`` reads; what it was given before it refused a slice is not silent, for it ends there."""
    dataset, wrong = SliceDataset(path), False
    for n in range(len(dataset)):
        raw, kspace = dataset[n], found.kspace[min(n, len(found.kspace) - 1)]
        wrong |= differs(torch.from_numpy(raw.kspace), kspace)
        if raw.target is not None and found.target is not None and n < len(found.target):
            target, largest = center_crop(torch.from_numpy(raw.target), *raw.info.recon), float(found.target.max())
            wrong |= differs(target, found.target[n]) or not abs(raw.maximum - largest) <= SHOWN * largest
    return "wrong" if wrong else "right"


def commands(batch: Path) -> None:
    """The commands on a folder that holds a damaged file and a whole one: sentences only, and the whole one is done."""
    out = batch.parent / "out"
    for words in (
        ["info", batch, "--check"],
        ["reconstruct", batch, out, "--model", "zero-filled"],
        ["evaluate", batch, out],
    ):
        said = CliRunner().invoke(app, [str(word) for word in words])
        if said.exception is not None and not isinstance(said.exception, SystemExit):
            raise said.exception
        if "Traceback" in said.output or "whole.h5" not in said.output + " ".join(p.name for p in out.glob("*")):
            raise RuntimeError(f"{words[0]}: {said.output}")
    for path in out.glob("*"):
        path.unlink()


def reconstructions(folder: Path) -> Attempt:
    """What `reconstruct` wrote, read as `evaluate` does, the damage to bytes and through h5py in turn."""
    whole = folder / "whole.h5"
    generator = torch.Generator().manual_seed(0)
    image, mask = torch.rand(3, 16, 16, generator=generator), torch.arange(24) % 2 == 0
    evaluate.write(whole, evaluate.Reconstruction(image, mask, {"model": "tv", "acceleration": 2.0, "first_slice": 0}))
    data, expected, path = whole.read_bytes(), evaluate.read(whole), folder / "damaged.h5"
    damage = mutate_hdf5.Bytes(data)

    def attempt(seed: int) -> str:
        path.write_bytes(damage(np.random.default_rng(seed)))
        try:
            read = evaluate.read(path)
        except DataError as error:
            return refusal(error)
        same = torch.equal(read.image, expected.image) and torch.equal(read.mask, expected.mask)
        return "unharmed" if same and read.attributes == expected.attributes else "silent"

    return attempt


def files_of_weights(folder: Path, checkpoints: bool) -> Attempt:
    training.train(zoo.untrained("lt-euler"), SETTINGS, folder / "run", device="cpu")
    whole = folder / "run" / ("last.safetensors" if checkpoints else "best.safetensors")
    data, (expected, about), path = whole.read_bytes(), weights.read(whole), folder / "last.safetensors"
    model = zoo.untrained("lt-euler", 1)
    fresh = {key: value.clone() for key, value in model.state_dict().items()}

    def attempt(seed: int) -> str:
        path.write_bytes(mutate_weights.safetensors(data, np.random.default_rng(seed)))
        model.load_state_dict(fresh)
        try:
            if checkpoints:
                run, optimizer = Run(folder, SETTINGS), training.LookaheadRAdam(model.parameters())
                progress = run.resume(model, optimizer)
                run.save(model, optimizer, progress, "again.safetensors")
                loaded, said = weights.read(folder / "again.safetensors")
                same = loaded.keys() == expected.keys() and said == about
            else:
                loaded = dict(zoo.load("lt-euler", file=path).state_dict())  # type: ignore[attr-defined]
                same = weights.read(path)[1] == about
        except DataError as error:
            return refusal(error)
        return "unharmed" if same and all(torch.equal(loaded[key], expected[key]) for key in loaded) else "silent"

    return attempt


def results_files(folder: Path) -> Attempt:
    whole = folder / "whole.json"
    results.write(whole, results.read(Path(__file__).parents[2] / "results/small/d5c5_4x_seed0.json"))
    data, run, path = whole.read_bytes(), results.read(whole), folder / "d5c5_4x_seed0.json"

    def attempt(seed: int) -> str:
        path.write_bytes(mutate_weights.results(data, np.random.default_rng(seed)))
        try:
            read = results.read(path)
            tables.compare_table(rows.make_row([read]), rows.make_row([read])).csv()
        except DataError as error:
            return refusal(error)
        return "unharmed" if read == run else "silent"

    return attempt
