"""Reconstructing and scoring whole volumes."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from reconode import evaluate, masks, metrics
from reconode.data import fastmri
from reconode.errors import DataError
from reconode.physics import center_crop, ifft


def zero_filled(y, E):
    return E.H(y)


class TestReconstruct:
    @pytest.mark.parametrize("batch_size", [1, 2, 8])
    def test_zero_filled_is_fastmris_own_order_of_operations(self, make_volume, batch_size):
        volume = fastmri.read(make_volume())
        mask = masks.random(36, 2, seed="a.h5")
        image = evaluate.reconstruct(zero_filled, volume, mask, batch_size=batch_size)
        expected = center_crop(ifft(volume.kspace[:, 0] * mask), 32, 32).abs()
        torch.testing.assert_close(image, expected, atol=1e-9, rtol=1e-4)

    def test_model_sees_scaled_data_and_the_result_is_scaled_back(self, make_volume):
        seen = []

        def model(y, E):
            seen.append(float(E.H(y).abs().amax()))
            return E.H(y)

        volume = fastmri.read(make_volume())
        evaluate.reconstruct(model, volume, masks.random(36, 2, seed=0), batch_size=1)
        assert seen == pytest.approx([1.0] * 3, abs=1e-5)

    def test_progress_counts_slices(self, make_volume):
        counts = []
        evaluate.reconstruct(
            zero_filled, fastmri.read(make_volume()), masks.random(36, 2), batch_size=2, progress=counts.append
        )
        assert counts == [2, 1]

    def test_a_model_that_fails_is_named(self, make_volume):
        volume = fastmri.read(make_volume())
        with pytest.raises(DataError, match=r"a\.h5: the reconstruction has NaN or Inf"):
            evaluate.reconstruct(lambda y, E: E.H(y) * float("nan"), volume, masks.random(36, 2))


class TestFiles:
    def test_round_trip(self, tmp_path):
        image = torch.rand(2, 8, 9)
        made = evaluate.Reconstruction(image, masks.random(9, 2, seed=0), {"model": "tv", "acceleration": 2.0})
        evaluate.write(tmp_path / "a.h5", made)
        back = evaluate.read(tmp_path / "a.h5")
        assert (
            torch.equal(back.image, image) and torch.equal(back.mask, made.mask) and back.attributes == made.attributes
        )

    def test_fastmri_submission_without_mask(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["reconstruction"] = np.ones((2, 8, 9), np.float32)
        assert evaluate.read(tmp_path / "a.h5").mask.numel() == 0

    @pytest.mark.parametrize(
        "data, message",
        [
            ({}, "no 'reconstruction' in it"),
            ({"reconstruction": np.ones((8, 9), np.float32)}, r"expected float32 \(slices, rows, columns\)"),
            ({"reconstruction": np.ones((1, 8, 9), np.complex64)}, "complex64"),
            ({"reconstruction": np.full((1, 8, 9), np.nan, np.float32)}, "NaN or Inf"),
        ],
    )
    def test_wrong_content_is_named(self, tmp_path, data, message):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            for key, value in data.items():
                file[key] = value
        with pytest.raises(DataError, match=message):
            evaluate.read(tmp_path / "a.h5")


class TestScore:
    def test_scores_the_file(self, make_volume, tmp_path):
        path = make_volume("a.h5", acquisition="CORPDFS_FBK")
        volume = fastmri.read(path)
        mask = masks.random(36, 2, seed="a.h5")
        image = evaluate.reconstruct(zero_filled, volume, mask)
        evaluate.write(tmp_path / "out" / "a.h5", evaluate.Reconstruction(image, mask, {"model": "zero-filled"}))
        result = evaluate.score(path, tmp_path / "out" / "a.h5")
        assert result.scores == metrics.scores(image, volume.target)
        assert (result.name, result.acquisition, result.model) == ("a.h5", "CORPDFS_FBK", "zero-filled")

    def test_what_does_not_fit_is_named_with_both_files(self, make_volume, tmp_path):
        out = tmp_path / "out.h5"
        evaluate.write(out, evaluate.Reconstruction(torch.ones(2, 32, 32), torch.ones(36) > 0, {}))
        with pytest.raises(DataError, match=r"out\.h5 against .*a\.h5: expected image and target"):
            evaluate.score(make_volume(), out)
        with pytest.raises(DataError, match="nothing to score against"):
            evaluate.score(make_volume("t.h5", mask=masks.random(36, 2, seed=0)), out)
