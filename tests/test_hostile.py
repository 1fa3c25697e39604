"""Files of strangers: none takes us along, nothing that they name is opened, nothing that they lost is made up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings

import h5py
import numpy as np
import pytest
import torch

from reconode import evaluate, masks, phantoms
from reconode.data import fastmri, verify
from reconode.data.slices import SliceDataset
from reconode.errors import DataError
from reconode.physics import center_crop, ifft
from reconode.storage import hdf5, probe

SHAPE = (3, 64, 36)


@pytest.fixture
def foreign(make_volume, tmp_path):
    """A volume as others write it: ``foreign(change)``, no checksums, contiguous unless `change` makes it otherwise."""

    def make(change=lambda file: None, name="foreign.h5", **options):
        source = make_volume("source.h5", **options)
        path = tmp_path / name
        with h5py.File(source) as a, h5py.File(path, "w") as b:
            for key in a:
                b[key] = a[key][()]
            b.attrs.update({key: value for key, value in a.attrs.items() if key != "text_crc32"})
            change(b)
        return path

    return make


def put(key, data=None, **options):
    """Replace an array."""

    def change(file):
        del file[key]
        file.create_dataset(key, data=data, **options)

    return change


READERS = {
    "inspect": fastmri.inspect,
    "read": fastmri.read,
    "read_target": fastmri.read_target,
    "SliceDataset": lambda path: [SliceDataset(path)[n] for n in range(3)],
}


@pytest.mark.parametrize("reader", READERS)
class TestOtherFiles:
    """External storage, external links, virtual data sets: refused by every reader before anything is opened."""

    def test_external_storage_that_never_answers(self, foreign, tmp_path, reader):
        os.mkfifo(tmp_path / "pipe")
        elsewhere = [(str(tmp_path / "pipe"), 0, 3 * 64 * 36 * 8)]

        def change(file):
            put("kspace", shape=SHAPE, dtype=np.complex64, external=elsewhere)(file)

        start = time.monotonic()
        with pytest.raises(DataError, match="'kspace' keeps its samples in other files"):
            READERS[reader](foreign(change))
        assert time.monotonic() - start < 60

    def test_external_link(self, foreign, make_volume, reader):
        other = make_volume("other.h5")

        def change(file):
            del file["kspace"]
            file["kspace"] = h5py.ExternalLink(str(other), "/kspace")

        with pytest.raises(DataError, match="'kspace' is a link out of the file"):
            READERS[reader](foreign(change))

    def test_virtual_data_set(self, foreign, make_volume, reader):
        layout = h5py.VirtualLayout(SHAPE, np.complex64)
        layout[...] = h5py.VirtualSource(make_volume("other.h5"), "kspace", SHAPE)

        def change(file):
            del file["kspace"]
            file.create_virtual_dataset("kspace", layout)

        with pytest.raises(DataError, match="'kspace' keeps its samples in other files"):
            READERS[reader](foreign(change))


def test_a_soft_link_within_the_file_is_no_danger(foreign):
    def change(file):
        file.move("kspace", "raw")
        file["kspace"] = h5py.SoftLink("/raw")

    assert fastmri.read(foreign(change)).info.shape == (3, 1, 64, 36)


def test_the_probe_cannot_open_another_file(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with probe._no_other_file(), pytest.raises(OSError, match="Too many open files"):
        (tmp_path / "secret").open()
    assert (tmp_path / "secret").read_text() == "secret"


class TestLost:
    @pytest.mark.parametrize("key", ["kspace", "reconstruction_esc"])
    def test_a_chunk(self, foreign, key):
        def change(file):
            data = file[key][()]
            put(key, shape=data.shape, dtype=data.dtype, chunks=(1, *data.shape[1:]))(file)
            file[key][:2] = data[:2]

        for reader in (fastmri.inspect, fastmri.read):
            with pytest.raises(DataError, match=f"'{key}' has 2 of its 3 chunks: the others would read as zeros"):
                reader(foreign(change))

    def test_chunks_in_places_where_none_belong(self, foreign, monkeypatch):
        """As many as there must be, but HDF5 looks for two until it crashes: a damaged largest shape does so."""

        def wide(file):
            data = file["kspace"][()]
            put("kspace", shape=(3, 64, 3 * 36), dtype=data.dtype, chunks=(1, 64, 36), maxshape=(3, 64, None))(file)
            for n in range(3):
                file["kspace"][0, :, 36 * n : 36 * n + 36] = data[n]
            file["kspace"].resize((1, 64, 108))

        path = foreign(wide)
        with h5py.File(path) as file:
            kspace = file["kspace"]
            assert probe._within(kspace, "kspace")

            class Narrow:
                """What the damaged file says: three slices of 36 columns, and these chunks."""

                id, size, shape, chunks = kspace.id, kspace.size, SHAPE, kspace.chunks

            with pytest.raises(probe._RefusedError, match="'kspace' has 1 of its 3 chunks"):
                probe._within(Narrow, "kspace")

    def test_many_chunks_take_no_longer_than_their_number(self, foreign):
        path = foreign(lambda file: put("kspace", file["kspace"][()], chunks=(1, 2, 2))(file), columns=120, rows=120)
        start = time.monotonic()
        fastmri.read(path)
        assert time.monotonic() - start < 60, "by the square of their number it was taken for a file without end"

    @pytest.mark.parametrize("key", ["reconstruction_esc", "ismrmrd_header"])
    def test_an_array_of_our_own_files(self, make_volume, key):
        path = make_volume()
        with h5py.File(path, "a") as file:
            file.move(key, key[:-1])
        with pytest.raises(DataError, match=f"'{key}' is missing, which was written|don't match their checksum"):
            fastmri.read(path)

    def test_all_samples(self, foreign):
        with pytest.raises(DataError, match="'kspace' has no samples: they would read as zeros"):
            fastmri.inspect(foreign(put("kspace", shape=SHAPE, dtype=np.complex64)))

    def test_a_slice_of_zeros(self, foreign):
        def change(file):
            file["kspace"][1] = 0
            del file["reconstruction_esc"], file["reconstruction_rss"]

        with pytest.raises(DataError, match="slice 1 of kspace is zero everywhere"):
            fastmri.read(foreign(change))
        with pytest.raises(DataError, match="slice 1 of kspace is zero everywhere"):
            _ = SliceDataset(foreign(change))[1]


class TestTheDataCheckThemselves:
    def test_one_row_of_the_image_is_that_of_the_whole_transform(self):
        for shape in ((2, 20, 15), (1, 19, 16), (1, 4, 1)):
            kspace = torch.randn(*shape, dtype=torch.complex64)
            wanted = ifft(kspace).abs().square().sum(0).sqrt()
            for row in (0, shape[1] // 2, shape[1] - 1):
                found = torch.from_numpy(verify.row_of_image(kspace.numpy(), row))
                torch.testing.assert_close(found, wanted[row], check_dtype=False)

    @pytest.mark.parametrize("coils", [1, 2])
    def test_one_sample_anywhere_shows(self, foreign, coils):
        place = (2, 5, 30) if coils == 1 else (2, 1, 5, 30)

        def change(file):
            file["kspace"][place] += 0.02 * np.abs(file["kspace"][2]).max()

        fastmri.read(foreign(coils=coils))
        path = foreign(change, coils=coils)
        with pytest.raises(DataError, match=r"slice 2 of reconstruction_\w+ is not the image of its k-space"):
            fastmri.read(path)
        dataset = SliceDataset(path)
        assert dataset[1].index == 1
        with pytest.raises(DataError, match="is not the image of its k-space"):
            _ = dataset[2]

    def test_other_targets_are_taken_when_the_user_says_so(self, foreign, monkeypatch):
        def change(file):
            for key in ("reconstruction_esc", "reconstruction_rss"):
                file[key][...] = file[key][()] ** 2
            del file.attrs["max"], file.attrs["norm"]

        path = foreign(change)
        with pytest.raises(DataError, match="made by other means; in that case set RECONODE_TARGETS=any"):
            fastmri.read(path)
        monkeypatch.setenv("RECONODE_TARGETS", "any")
        assert fastmri.read(path, thorough=True).target is not None

    @pytest.mark.parametrize("key", ["max", "norm"])
    def test_stated_numbers_are_the_targets(self, foreign, key):
        path = foreign(lambda file: file.attrs.__setitem__(key, 1.01 * file.attrs[key]))
        for reader in (fastmri.read, fastmri.read_target):
            with pytest.raises(DataError, match=f"the attribute '{key}' says"):
                reader(path)

    def test_stated_numbers_may_be_of_the_other_reconstruction(self, foreign):
        def change(file):
            file["reconstruction_rss"][...] *= 2
            for key in ("max", "norm"):
                file.attrs[key] *= 2

        fastmri.read(foreign(change))

    def test_another_reconstruction_of_complex_numbers_is_none(self, foreign):
        def change(file):
            put("reconstruction_rss", np.ones((3, 32, 32), np.complex64))(file)
            file.attrs["max"] *= 2

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DataError, match="the attribute 'max' says"):
                fastmri.read(foreign(change))

    def test_a_pixel_off_the_row_is_found_by_the_thorough_comparison(self, foreign):
        def change(file):
            file["reconstruction_esc"][0, 3, 3] *= 1.5
            del file.attrs["max"], file.attrs["norm"]

        path = foreign(change)
        fastmri.read(path)
        with pytest.raises(DataError, match="slice 0 of reconstruction_esc is not the image"):
            fastmri.read(path, thorough=True)

    @pytest.mark.parametrize("factor, words", [(0, "is zero everywhere"), (-1, "has negative values")])
    def test_a_target_that_is_no_magnitude(self, foreign, factor, words):
        def change(file):
            file["reconstruction_esc"][1] *= factor
            del file.attrs["max"], file.attrs["norm"]

        path = foreign(change)
        with pytest.raises(DataError, match=f"slice 1 of reconstruction_esc {words}"):
            fastmri.read(path)
        with pytest.raises(DataError, match=words):
            _ = SliceDataset(path)[1]

    def test_a_header_of_another_image(self, foreign):
        def change(file):
            text = file["ismrmrd_header"][()].replace(b"<x>32</x>", b"<x>30</x>")
            del file["ismrmrd_header"]
            file["ismrmrd_header"] = text

        with pytest.raises(DataError, match=r"asks for an image of 30 x 32, reconstruction_esc has 32 x 32"):
            fastmri.inspect(foreign(change))

    def test_real_data_pass_and_their_damage_does_not(self, shared_data, tmp_path):
        """Knees, heads and phantoms of one coil and of several; in those with a target one sample is changed."""
        coils = set()
        for path in sorted(shared_data.glob("*.h5")):
            volume = fastmri.read(path, thorough=True)
            if volume.target is None:
                continue
            coils.add(volume.info.coils)
            damaged = tmp_path / path.name
            with h5py.File(path) as a, h5py.File(damaged, "w") as b:
                for key in a:
                    b[key] = a[key][()]
                b.attrs.update(a.attrs)
                for key in ("text_crc32", hdf5.ARRAYS):
                    b.attrs.pop(key, None)
                place = (0, *(n // 3 for n in b["kspace"].shape[1:]))
                b["kspace"][place] += 0.02 * np.abs(b["kspace"][0]).max()
            with pytest.raises(DataError, match=r"slice 0 of reconstruction_\w+ is not the image of its k-space"):
                fastmri.read(damaged)
        assert {1, 2} <= coils

    def test_simulated_coils(self, tmp_path):
        """The target is the root of the sum of squares over coils: noise in one coil, or a coil less, shows."""
        made = phantoms.volume(3, slices=2, width=368, contrast="CORPD_FBK", coils=4)
        fastmri.write(tmp_path / "a.h5", made.kspace, acquisition="CORPD_FBK", padding=made.padding)
        volume = fastmri.read(tmp_path / "a.h5", thorough=True)
        kspace, target = volume.kspace[1], volume.target[1]
        verify.check_slice(kspace, target, volume.info, 1, whole=True)
        for change in (kspace[:3], kspace * torch.tensor([1, 1, 1, 1.01])[:, None, None]):
            with pytest.raises(DataError, match="slice 1 of reconstruction_rss is not the image"):
                verify.check_slice(change, target, volume.info, 1)


class TestMemory:
    def test_a_header_of_gigabytes(self, foreign):
        def change(file):
            del file["ismrmrd_header"]
            kind = h5py.h5t.C_S1.copy()
            kind.set_size(2**30)
            h5py.h5d.create(file.id, b"ismrmrd_header", kind, h5py.h5s.create(h5py.h5s.SCALAR))

        with pytest.raises(DataError, match="'ismrmrd_header' claims 1073741824 bytes of text"):
            fastmri.inspect(foreign(change))

    def test_an_array_that_its_file_cannot_hold(self, foreign):
        def change(file):
            put("kspace", shape=(400, 640, 368), dtype=np.complex64, chunks=(400, 640, 368), compression="gzip")(file)
            file["kspace"].id.write_direct_chunk((0, 0, 0), b"x" * 1000)

        with pytest.raises(DataError, match=r"kspace claims \(400, 640, 368\), more than a file of"):
            fastmri.inspect(foreign(change))

    def test_a_limit_that_can_be_raised(self, foreign, monkeypatch):
        path = foreign()
        monkeypatch.setattr(probe, "LARGEST", 1e-6)
        with pytest.raises(DataError, match="set RECONODE_LARGEST_GIB to allow more"):
            fastmri.read(path)
        monkeypatch.setattr(probe, "LARGEST", 1e-4)
        fastmri.read(path)

    def test_no_memory_left_is_one_sentence(self, foreign):
        path = foreign()
        with pytest.raises(DataError, match="not enough memory to read it"), hdf5.errors_of(path):
            raise MemoryError


class TestValidFilesArePassed:
    def test_what_the_library_does_not_read_is_not_looked_at(self, foreign):
        path = foreign(lambda file: file.create_dataset("other", data=np.zeros(3_000_000, np.int8), chunks=(1000,)))
        start = time.monotonic()
        fastmri.read(path)
        assert time.monotonic() - start < 30, "number by number it took minutes"

    def test_open_in_a_writer(self, foreign):
        path = foreign()
        code = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); sys.stdin.read()"
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", code, path], stdin=pipe, stdout=pipe, text=True) as writer:
            assert writer.stdout.readline() == "open\n"
            with pytest.raises(DataError, match="open in a program that writes it"):
                fastmri.inspect(path)
            writer.stdin.close()

    def test_a_child_that_is_slow_to_start_costs_a_file_no_patience(self, foreign, monkeypatch):
        path = foreign()
        monkeypatch.setattr(probe, "_child", None)
        monkeypatch.setattr(probe, "PATIENCE", 2.0)
        real = subprocess.Popen

        def slow(command, **options):
            lazy = f"import time; time.sleep(3); import runpy; runpy.run_path({command[-1]!r}, run_name='__main__')"
            return real([sys.executable, "-c", lazy], **options)

        monkeypatch.setattr(probe.subprocess, "Popen", slow)
        try:
            fastmri.inspect(path)
        finally:
            probe._child.stop()


def test_an_array_that_fails_keeps_no_other_from_being_looked_at(foreign, monkeypatch):
    path = foreign(put("kspace", shape=SHAPE, dtype=np.complex64, chunks=(1, 64, 36), compression="gzip"))
    with h5py.File(path, "a") as file:
        for n in range(3):
            file["kspace"].id.write_direct_chunk((n, 0, 0), b"not deflated")
        put("reconstruction_esc", file["reconstruction_esc"][()], chunks=(1, 32, 32), compression="gzip")(file)
    read = []
    real = probe._read
    monkeypatch.setattr(probe, "_read", lambda item, samples: (read.append(item.name), real(item, samples)))
    probe._look(str(path), True, 4)
    assert read == ["/kspace", "/reconstruction_esc"]


def test_a_compound_mask_in_a_reconstruction(tmp_path):
    path = tmp_path / "a.h5"
    evaluate.write(path, evaluate.Reconstruction(torch.ones(2, 8, 9), masks.random(9, 2, seed=0), {}))
    with h5py.File(path, "a") as file:
        put("mask", np.zeros(9, [("a", "f4"), ("b", "i2")]))(file)
    with pytest.raises(DataError, match=r"mask is .*expected numbers"):
        evaluate.read(path)


def test_crop_and_row_agree_for_odd_sizes(make_volume):
    volume = fastmri.read(make_volume(rows=51, columns=37, recon=(30, 21)), thorough=True)
    assert torch.allclose(center_crop(ifft(volume.kspace[:, 0]).abs(), 30, 21), volume.target)
