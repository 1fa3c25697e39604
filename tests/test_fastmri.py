"""Reading and writing fastMRI's files: a round trip, fastMRI's conventions, and every way a file can be wrong."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree

import h5py
import numpy as np
import pytest
import torch
from conftest import coil_maps, smooth_images

from reconode import masks, metrics
from reconode.data import fastmri
from reconode.errors import DataError, OutputError
from reconode.physics import center_crop, fft, ifft

SHARED_FILES = {  # name: slices, coils, rows, columns, target, undersampled
    "knee_mese_te1.h5": (24, 1, 256, 256, "reconstruction_esc", False),
    "knee_mese_te4.h5": (12, 1, 256, 256, "reconstruction_esc", False),
    "brain_t1w.h5": (12, 1, 384, 274, "reconstruction_esc", False),
    "acr_phantom_2coil.h5": (1, 2, 160, 160, "reconstruction_rss", False),
    "brain_8coil_undersampled.h5": (1, 8, 230, 180, None, True),
}


class TestRoundTrip:
    def test_single_coil(self, tmp_path):
        kspace = fft(1e-4 * smooth_images(3, 64, 36))
        fastmri.write(tmp_path / "a.h5", kspace, acquisition="CORPD_FBK", recon=(32, 30), padding=(4, 33))
        volume = fastmri.read(tmp_path / "a.h5")
        assert torch.equal(volume.kspace[:, 0], kspace)
        assert volume.info.shape == (3, 1, 64, 36) and volume.info.recon == (32, 30)
        assert volume.info.padding == (4, 33) and volume.info.acquisition == "CORPD_FBK"
        assert volume.mask is None and volume.name == "a.h5" and volume.width == 36
        torch.testing.assert_close(volume.target, center_crop(ifft(kspace).abs(), 32, 30))
        assert volume.info.attributes["max"] == pytest.approx(float(volume.target.max()))
        assert volume.info.attributes["norm"] == pytest.approx(float(volume.target.square().sum().sqrt()))

    def test_several_coils(self, tmp_path):
        images = 1e-4 * smooth_images(2, 48, 40)[:, None] * coil_maps(4, 48, 40)
        fastmri.write(tmp_path / "a.h5", fft(images), acquisition="CORPDFS_FBK", recon=(24, 24))
        volume = fastmri.read(tmp_path / "a.h5")
        assert volume.kspace.shape == (2, 4, 48, 40) and volume.info.target == "reconstruction_rss"
        torch.testing.assert_close(volume.target, center_crop(images.abs().square().sum(1).sqrt(), 24, 24))

    @pytest.mark.parametrize(
        "shape, recon", [((256, 256), (256, 256)), ((640, 368), (320, 320)), ((400, 20), (320, 20))]
    )
    def test_the_image_is_no_larger_than_the_kspace(self, tmp_path, shape, recon):
        fastmri.write(tmp_path / "a.h5", torch.ones(1, *shape, dtype=torch.complex64), acquisition="")
        assert fastmri.read(tmp_path / "a.h5").target.shape == (1, *recon)

    def test_double_precision_is_stored_as_single(self, tmp_path):
        kspace = fft(smooth_images(1, 64, 36)).to(torch.complex128)
        fastmri.write(tmp_path / "a.h5", kspace, acquisition="")
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["kspace"].dtype == np.complex64
        assert torch.equal(fastmri.read(tmp_path / "a.h5").kspace[:, 0], kspace.to(torch.complex64))

    def test_some_slices_as_a_volume(self, make_volume):
        volume = fastmri.read(make_volume(slices=4))
        part = volume.part(slice(1, 3))
        assert part.info.slices == 2 and part.name == volume.name
        assert torch.equal(part.kspace, volume.kspace[1:3]) and torch.equal(part.target, volume.target[1:3])
        with pytest.raises(DataError, match="none of the slices asked for are there; it has 4"):
            volume.part(slice(4, None))

    def test_test_file(self, make_volume):
        mask = masks.random(36, 2, seed=0)
        volume = fastmri.read(make_volume(mask=mask))
        assert volume.target is None and torch.equal(volume.mask, mask)
        assert (volume.kspace[..., ~mask] == 0).all()
        y, E = volume.measure()
        assert y.shape == (3, 1, 32, 36) and torch.equal(E.mask.flatten(), mask)

    def test_is_what_fastmri_code_expects(self, tmp_path):
        """Keys, types and header arithmetic, as fastMRI's own loader reads them."""
        fastmri.write(
            tmp_path / "a.h5", fft(smooth_images(2, 64, 36)), acquisition="CORPD_FBK", recon=(32, 32), padding=(3, 34)
        )
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["kspace"].dtype == np.complex64 and file["reconstruction_esc"].dtype == np.float32
            assert file["reconstruction_rss"].shape == (2, 32, 32)
            assert file.attrs["acquisition"] == "CORPD_FBK" and isinstance(file.attrs["patient_id"], str)
            root = ElementTree.fromstring(file["ismrmrd_header"][()])
        space = {"i": "http://www.ismrm.org/ISMRMRD"}
        find = lambda path: int(root.find(f"./i:encoding/{path}", space).text)  # noqa: E731
        limits = "i:encodingLimits/i:kspace_encoding_step_1"
        left = find("i:encodedSpace/i:matrixSize/i:y") // 2 - find(f"{limits}/i:center")
        assert (left, left + find(f"{limits}/i:maximum") + 1) == (3, 34)
        assert find("i:reconSpace/i:matrixSize/i:x") == 32

    def test_opens_with_fastmri(self, make_volume):
        data = pytest.importorskip("fastmri.data.mri_data")
        path = make_volume()
        dataset = data.SliceDataset(path.parent, challenge="singlecoil", use_dataset_cache=False)
        kspace, _, target, attributes, name, number = dataset[1]
        volume = fastmri.read(path)
        assert name == "a.h5" and number == 1 and attributes["padding_right"] == 36
        assert np.array_equal(kspace, volume.kspace[1, 0].numpy()) and np.array_equal(target, volume.target[1].numpy())


class TestSharedData:
    @pytest.mark.parametrize("name", SHARED_FILES)
    def test_reads(self, shared_data, name):
        slices, coils, rows, columns, target, undersampled = SHARED_FILES[name]
        volume = fastmri.read(shared_data / name)
        assert volume.info.shape == (slices, coils, rows, columns) and volume.info.target == target
        assert (volume.mask is not None) == undersampled
        y, E = volume.measure(None if undersampled else masks.random(columns, 4, seed=name))
        assert E.coils == coils and torch.isfinite(E.H(y).abs()).all()

    @pytest.mark.parametrize("name", ["knee_mese_te1.h5", "brain_t1w.h5"])
    def test_target_is_the_reconstruction_of_the_kspace(self, shared_data, name):
        volume = fastmri.read(shared_data / name)
        y, E = volume.measure(torch.ones(volume.width, dtype=torch.bool))
        assert metrics.psnr(E.H(y), volume.target) > 100

    def test_two_dimensional_undersampling_is_found(self, shared_data):
        volume = fastmri.read(shared_data / "brain_8coil_undersampled.h5")
        assert volume.mask.shape == (230, 180) and 0.1 < float(volume.mask.float().mean()) < 0.15


class TestMeasure:
    def test_equals_mask_on_the_full_grid(self, make_volume):
        volume = fastmri.read(make_volume())
        mask = masks.random(36, 2, seed=0)
        y, E = volume.measure(mask, slice(1, 3))
        expected = center_crop(ifft(volume.kspace[1:3, 0] * mask), 32, 36)
        torch.testing.assert_close(E.H(y), expected, atol=1e-10, rtol=1e-5)

    def test_refuses_what_does_not_fit(self, make_volume):
        full, undersampled = fastmri.read(make_volume()), fastmri.read(make_volume("b.h5", mask=masks.random(36, 2)))
        with pytest.raises(DataError, match="35 columns, the k-space 36"):
            full.measure(torch.ones(35))
        with pytest.raises(DataError, match="fully sampled: give a mask"):
            full.measure()
        with pytest.raises(DataError, match="undersampled already"):
            undersampled.measure(torch.ones(36))

    def test_mask_of_a_file_that_does_not_say(self, make_volume):
        """Zero columns in a file without target and mask were not sampled."""
        mask = masks.random(36, 2, seed=0)
        path = make_volume(mask=mask)
        with h5py.File(path, "a") as file:
            del file["mask"], file.attrs["text_crc32"]  # a stranger's: ours say which arrays they have
        assert torch.equal(fastmri.read(path).mask, mask)


class TestVolumes:
    def test_lists_files_in_order(self, make_volume):
        second, first = make_volume("b.h5"), make_volume("a.h5")
        (first.parent / ".c.h5.x.part").write_bytes(b"")
        (first.parent / "notes.txt").write_text("")
        assert fastmri.volumes(first.parent) == [first, second]
        assert fastmri.volumes(first) == [first]

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DataError, match="no volumes here"):
            fastmri.volumes(tmp_path)
        with pytest.raises(DataError, match="no such file or folder"):
            fastmri.volumes(tmp_path / "missing")


def edit(path, change):
    with h5py.File(path, "a") as file:
        change(file)
    return path


def replace(key, data):
    def change(file):
        if key in file:
            del file[key]
        file[key] = data

    return change


def set_header(old, new):
    def change(file):
        header = file["ismrmrd_header"][()]
        assert old in header
        del file["ismrmrd_header"]
        file["ismrmrd_header"] = header.replace(old, new)
        del file.attrs["text_crc32"]

    return change


def with_value(key, index, value):
    def change(file):
        data = file[key][()]
        data[index] = value
        file[key][...] = data

    return change


def drop(*keys):
    def change(file):
        for key in keys:
            del file[key]

    return change


WRONG = {
    "missing kspace": (drop("kspace"), r"no 'kspace' in it \(found: ismrmrd_header, reconstruction_esc"),
    "kspace is a folder": (lambda f: (drop("kspace")(f), f.create_group("kspace")), "'kspace' is a group"),
    "real kspace": (replace("kspace", np.ones((3, 64, 36), np.float32)), "kspace is float32; expected complex64"),
    "integer kspace": (replace("kspace", np.ones((3, 64, 36), np.int16)), "kspace is int16"),
    "text kspace": (replace("kspace", "hello"), "kspace is object|claims"),
    "rank 2": (replace("kspace", np.ones((64, 36), np.complex64)), r"kspace has shape \(64, 36\)"),
    "rank 5": (replace("kspace", np.ones((1, 1, 3, 64, 36), np.complex64)), r"expected \(slices, rows, columns\)"),
    "no slices": (replace("kspace", np.ones((0, 64, 36), np.complex64)), r"kspace is empty, shape \(0, 64, 36\)"),
    "NaN in kspace": (with_value("kspace", (1, 5, 5), np.nan), "kspace has 1 NaN or Inf values, the first in slice 1"),
    "Inf in target": (with_value("reconstruction_esc", (2, 5, 5), np.inf), "reconstruction_esc has 1 NaN or Inf"),
    "zero target": (with_value("reconstruction_esc", ..., 0), "slice 0 of reconstruction_esc is zero everywhere"),
    "zero-byte target": (replace("reconstruction_esc", np.ones((3, 0, 32), np.float32)), "reconstruction_esc is empty"),
    "target of other slices": (replace("reconstruction_esc", np.ones((2, 32, 32), np.float32)), r"expected \(3, rows"),
    "target of another rank": (replace("reconstruction_esc", np.ones((32, 32), np.float32)), "one image a slice"),
    "target of another type": (
        replace("reconstruction_esc", np.ones((3, 32, 32), np.int32)),
        "int32; expected float32",
    ),
    "target taller than kspace": (
        replace("reconstruction_esc", np.ones((3, 65, 32), np.float32)),
        "65 rows, more than",
    ),
    "mask of the wrong width": (replace("mask", np.ones(35)), r"mask has shape \(35,\); expected \(36,\)"),
    "mask of other values": (replace("mask", np.full(36, 0.5)), "values other than 0 and 1"),
    "mask of nothing": (replace("mask", np.zeros(36)), "mask samples no column"),
    "header not XML": (set_header(b"<encoding>", b"<encoding"), "ismrmrd_header is not XML"),
    "header without sizes": (
        set_header(b"encodedSpace", b"otherSpace"),
        "no number at encoding/encodedSpace/matrixSize/x",
    ),
    "header of other columns": (set_header(b"<y>36</y>", b"<y>40</y>"), "says 64 x 40 k-space, the file holds 64 x 36"),
    "header of other rows": (set_header(b"<x>64</x>", b"<x>65</x>"), "says 65 x 36 k-space"),
    "header with a larger image": (set_header(b"<x>32</x>", b"<x>99</x>"), "asks for an image of 99 x 32"),
    "header with impossible limits": (set_header(b"<maximum>35<", b"<maximum>50<"), "columns 0 to 51 of 36"),
    "header changed behind the checksum": (replace("ismrmrd_header", b"<a/>"), "don't match their checksum"),
    "attribute changed behind the checksum": (lambda f: f.attrs.__setitem__("acquisition", "X"), "checksum"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_content_is_named(make_volume, case):
    change, message = WRONG[case]
    path = edit(make_volume(), change)
    with pytest.raises(DataError, match=message) as caught:
        fastmri.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_file_that_is_no_volume(tmp_path, make_volume):
    cases = {
        "missing": (tmp_path / "missing.h5", "no such file"),
        "folder": (tmp_path, "this is a folder"),
        "empty": (tmp_path / "empty.h5", r"empty \(0 bytes\)"),
        "text": (tmp_path / "text.h5", "not an HDF5 file"),
        "truncated": (tmp_path / "truncated.h5", "damaged or truncated"),
    }
    whole = make_volume().read_bytes()
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "text.h5").write_text("not a volume")
    (tmp_path / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    for path, message in cases.values():
        for function in (fastmri.read, fastmri.inspect):
            with pytest.raises(DataError, match=message):
                function(path)


def test_all_zero_kspace_without_target(make_volume):
    path = make_volume(mask=masks.random(36, 2, seed=0))
    edit(path, lambda f: (drop("mask")(f), f.attrs.__delitem__("text_crc32"), with_value("kspace", ..., 0)(f)))
    with pytest.raises(DataError, match="kspace is zero everywhere"):
        fastmri.read(path)


def test_claimed_size_beyond_the_file_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", (10**6, 640, 368), np.complex64, chunks=(1, 640, 368))
    with pytest.raises(DataError, match="more than a file of"):
        fastmri.read(tmp_path / "a.h5")


def test_target_wider_than_kspace_is_cropped_to_it(make_volume):
    """As fastMRI does for the brains that are stored so."""
    path = edit(
        make_volume(columns=28, recon=(32, 28)), replace("reconstruction_esc", np.ones((3, 32, 32), np.float32))
    )
    volume = fastmri.read(path)
    assert volume.info.recon == (32, 28) and volume.target.shape == (3, 32, 28)


def test_target_alone(make_volume):
    path = make_volume()
    info, target = fastmri.read_target(path)
    assert torch.equal(target, fastmri.read(path).target) and info.name == "a.h5"
    with pytest.raises(DataError, match="nothing to score against"):
        fastmri.read_target(make_volume("b.h5", mask=masks.random(36, 2, seed=0)))


class TestWriteErrors:
    @pytest.mark.parametrize(
        "kspace",
        [
            torch.zeros(3, 64, 36),
            torch.zeros(64, 36, dtype=torch.complex64),
            torch.zeros(0, 8, 8, dtype=torch.complex64),
        ],
    )
    def test_wrong_kspace(self, tmp_path, kspace):
        with pytest.raises(DataError, match="expected complex64"):
            fastmri.write(tmp_path / "a.h5", kspace, acquisition="CORPD_FBK")
        assert not list(tmp_path.iterdir())

    def test_crop_larger_than_the_image(self, tmp_path):
        with pytest.raises(DataError, match="cannot crop 320 x 320"):
            fastmri.write(tmp_path / "a.h5", fft(smooth_images(1, 64, 36)), acquisition="CORPD_FBK", recon=(320, 320))

    def test_without_a_crop_small_images_stay_whole(self, tmp_path):
        fastmri.write(tmp_path / "a.h5", fft(smooth_images(1, 64, 36)), acquisition="CORPD_FBK")
        assert fastmri.inspect(tmp_path / "a.h5").recon == (64, 36)

    def test_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot write"):
            fastmri.write(tmp_path / "file" / "a.h5", fft(smooth_images(1, 64, 36)), acquisition="X", recon=(32, 32))


def test_paths_that_lead_nowhere(tmp_path):
    (tmp_path / "loop.h5").symlink_to(tmp_path / "loop.h5")
    os.mkfifo(tmp_path / "pipe.h5")
    for path, words in (
        (tmp_path / "loop.h5", "not a path that can be read"),
        (tmp_path / ("n" * 300), "not a path that can be read"),
        (tmp_path / "pipe.h5", "not a regular file"),
    ):
        with pytest.raises(DataError, match=words):
            fastmri.inspect(path)
