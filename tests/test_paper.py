"""The paper's tables as printed, against our counts and what its text says of them."""

import itertools

from reconode import zoo
from reconode.experiment import paper


class TestPaper:
    def test_table_1_as_printed(self):
        assert len(paper.TABLE1) == 12 and set(paper.TABLE1) < set(zoo.MODELS)
        assert paper.printed("lt-rk4", "psnr", 4) == "32.39" and paper.printed("lt-rk4", "ssim", 8) == "0.6617"
        assert paper.printed("fa-rk2", "psnr", 8) == "28.50"
        assert paper.printed("fa-rk2-continuous", "psnr", 8) == "28.50"
        assert paper.printed("neural-ode", "ssim", 4) == "0.687" and paper.printed("neural-ode", "psnr", 4) == ""
        assert paper.printed("tv", "psnr", 4) == "" and paper.printed("lt-rk4", "psnr", 6) == ""

    def test_parameters_as_printed(self):
        """What the paper prints is our count, rounded to its two digits."""
        for name, row in paper.TABLE1.items():
            assert f"{zoo.MODELS[name].parameters / 1e6:.2f}M" == row.parameters

    def test_differences_that_the_text_states(self):
        """Sums over the table against typing slips: LT-RK4 leads each column, and FA is below FT in each."""
        for metric, acceleration in itertools.product(("psnr", "ssim"), (4, 8)):
            score = {name: paper.score(name, metric, acceleration) for name in paper.TABLE1}
            assert max(score, key=score.__getitem__) == "lt-rk4"
            for solver in ("euler", "rk2", "rk4"):
                assert score[f"fa-{solver}"] < score[f"ft-{solver}"] < score[f"lt-{solver}"]
