"""The models: checkpointing, hybrid space, the time channel, peers' networks, torch.compile, and the card's limits.

    python benchmarks/models.py [--json FILE] [--size ROWSxCOLUMNS] [--rounds N] [--compile] [--card] [--only PART ...]

Each comparison is made in one run, rounds interleaved, a ratio the median over rounds. A step is the forward pass, the
paper's loss and the backward pass, batch 1. ``--compile`` adds eager against compiled (a minute a function on a loaded
CPU). The card's part, absolute times and memory beside the paper's Table 2, runs by itself where there is a GPU;
``--card`` runs it anywhere, with ``--card-size 32x40 --card-matrix 256`` to try it on a CPU.

Peers are used where they are installed and "not run" where they aren't. Not all of their dependencies are needed, and
torchvision has to be the one that fits this torch (same version pair, both with CUDA or both without):

    pip install --target peers --no-deps deepinv fastmri natsort einops tqdm requests torchvision
    PYTHONPATH=peers python benchmarks/models.py
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _card import PAPER_TABLE_2, card, problem
from _common import machine, write_json
from solvers import ratio, rounds_of_seconds, size_of
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reconode import masks, metrics
from reconode.baselines import D5C5, UNet
from reconode.gradients import saved_bytes
from reconode.models import LearnedSolver
from reconode.networks import Dynamics, count_parameters, to_channels, to_complex
from reconode.physics import KSPACE, MRIOperator, to_kspace

Size = tuple[int, int]
Model = Callable[[Tensor, MRIOperator], Tensor]


def training_step(model: Model, y: Tensor, E: MRIOperator, target: Tensor) -> None:
    """Forward, the paper's loss, backward."""
    metrics.loss(metrics.magnitude(model(y, E)), target, 1.0).backward()


def checkpointing(size: Size, rounds: int) -> dict[str, Any]:
    """LT-RK4 with gradient checkpointing relative to without: saved bytes, and time of a step."""
    torch.manual_seed(0)
    models = {"off": LearnedSolver(4), "on": LearnedSolver(4, checkpointing=True)}
    y, E, target = problem(size)
    seconds = rounds_of_seconds(
        {name: lambda m=model: training_step(m, y, E, target) for name, model in models.items()}, rounds
    )
    saved = {name: saved_bytes(lambda m=model: m(y, E)) for name, model in models.items()}
    one_step = saved_bytes(lambda: models["off"].step(0.0, E.H(y), y, E))
    return {
        "saved_bytes": saved,
        "saved_ratio": saved["on"] / saved["off"],
        "peak_ratio": (saved["on"] + one_step) / saved["off"],  # going back, one step's activations are there again
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "time_ratio": ratio(seconds, "on", "off"),
    }


def hybrid_space(size: Size, rounds: int) -> dict[str, Any]:
    """Eᴴ E in hybrid space relative to the two-dimensional form: of the same image, and of the whole readout."""
    rows, columns = size
    mask = masks.random(columns, 4, seed=0)
    x = torch.randn(1, 2 * rows, columns, dtype=torch.complex64)
    cropped = x[:, :rows].contiguous()
    hybrid, two = MRIOperator(mask), MRIOperator(mask.expand(rows, columns), dims=KSPACE)
    whole = MRIOperator(mask.expand(2 * rows, columns), dims=KSPACE)
    torch.testing.assert_close(hybrid.normal(cropped), two.normal(cropped), atol=1e-5, rtol=0)
    ways = {
        "hybrid": lambda: hybrid.normal(cropped),
        "2-D": lambda: two.normal(cropped),
        "whole": lambda: whole.normal(x),
    }
    seconds = rounds_of_seconds(ways, rounds)
    return {
        "time_ratio_same_image": ratio(seconds, "hybrid", "2-D"),
        "time_ratio_whole_readout": ratio(seconds, "hybrid", "whole"),
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
    }


def time_channel(size: Size, rounds: int) -> list[dict[str, Any]]:
    """f with the time by taps relative to the paper's concatenation, forward and back, channels last as in training."""

    def concatenated(f: Dynamics, x: Tensor) -> Tensor:
        for layer in f.layers[:-1]:
            x = layer.concatenated(0.3, x).relu()
        return f.layers[-1].concatenated(0.3, x)

    cases = []
    for dilation in (1, 4):
        torch.manual_seed(0)
        f = Dynamics(dilation=dilation).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = torch.randn(1, 2, *size).contiguous(memory_format=torch.channels_last)
        ways = {"taps": partial(f, 0.3, x), "concatenated": partial(concatenated, f, x)}
        torch.testing.assert_close(ways["taps"](), ways["concatenated"](), atol=1e-5, rtol=0)
        seconds = rounds_of_seconds({n: lambda way=way: way().sum().backward() for n, way in ways.items()}, rounds)
        saved = {name: saved_bytes(way) for name, way in ways.items()}
        cases.append(
            {
                "dilation": dilation,
                "time_ratio": ratio(seconds, "taps", "concatenated"),
                "saved_ratio": saved["taps"] / saved["concatenated"],
            }
        )
    return cases


def fastmri_unet() -> nn.Module:
    """Today's fastMRI U-Net, from its own file: the package around it imports pandas and Lightning."""
    spec = importlib.util.find_spec("fastmri")
    if spec is None or spec.origin is None:
        raise ImportError("fastmri is not installed")
    file = importlib.util.spec_from_file_location("fastmri_unet", Path(spec.origin).parent / "models" / "unet.py")
    assert file is not None and file.loader is not None
    module = importlib.util.module_from_spec(file)
    file.loader.exec_module(module)
    return module.Unet(in_chans=2, out_chans=2, chans=32, num_pool_layers=4)


def deepinv_unet() -> nn.Module:
    """deepinv's U-Net at our widths."""
    import deepinv

    return deepinv.models.UNet(2, 2, residual=False, channels_per_scale=[32, 64, 128, 256, 256])


class DeepinvD5C5(nn.Module):
    """D5C5 put together from deepinv's parts, its DnCNN and the proximal map of its MRI operator, with our weights."""

    def __init__(self, ours: D5C5, y: Tensor, E: MRIOperator) -> None:
        super().__init__()
        import deepinv

        self.cnns = nn.ModuleList()
        for cascade in ours.cascades:
            cnn = deepinv.models.DnCNN(2, 2, depth=5, nf=32, pretrained=None)
            cnn.load_state_dict(dict(zip(cnn.state_dict(), cascade.state_dict().values(), strict=True)))
            self.cnns.append(cnn)
        mask = E.mask[:, 0].expand(1, *y.shape[-2:]).float()
        self.physics = deepinv.physics.MRI(mask=mask, img_size=tuple(y.shape[-2:]))
        self.y = to_channels(to_kspace(y)[:, 0])

    def forward(self, y: Tensor, E: MRIOperator) -> Tensor:
        x = self.physics.A_adjoint(self.y)
        for cnn in self.cnns:
            x = self.physics.prox_l2(cnn(x), self.y, 1e3)  # nearly hard data consistency
        return to_complex(x)


def peers(size: Size, rounds: int) -> list[dict[str, Any]]:
    """Our U-Net and D5C5 relative to peers' networks: time of forward and back, arithmetic, and time per operation."""
    torch.manual_seed(0)
    y, E, target = problem(size)
    x = to_channels(E.H(y))
    unet, d5c5 = UNet(), D5C5()
    same = "the same weights and, to 1e-3, the same output; deepinv transforms both axes, we the columns"
    cases: list[tuple[str, Callable[[], nn.Module], nn.Module, Callable[[nn.Module], Any], str]] = [
        (
            "U-Net / fastmri Unet",
            fastmri_unet,
            unet,
            lambda net: _network(net)(x).square().mean().backward(),
            "another design at the same first width: theirs goes to 512 channels, ours (the paper's) to 256; theirs "
            "has transposed convolutions, leaky ReLU and average pooling",
        ),
        (
            "U-Net / deepinv UNet",
            deepinv_unet,
            unet,
            lambda net: _network(net)(x).square().mean().backward(),
            "the same widths; theirs has one more convolution a level going up, batch norm, nearest upsampling",
        ),
        (
            "D5C5 / deepinv's parts",
            lambda: DeepinvD5C5(d5c5, y, E),
            d5c5,
            lambda net: training_step(net, y, E, target),
            same,
        ),
    ]
    results = []
    for name, build, ours, step, differs in cases:
        try:
            theirs = build()
        except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that does not fit this torch
            results.append({"pair": name, "not run": str(error)})
            continue
        if isinstance(theirs, DeepinvD5C5):
            torch.testing.assert_close(theirs(y, E), ours(y, E), atol=1e-3, rtol=0)
        operations = {}
        for whose, net in (("ours", ours), ("theirs", theirs)):
            with FlopCounterMode(display=False) as counter:
                step(net)
            operations[whose] = counter.get_total_flops()
        seconds = rounds_of_seconds(
            {"ours": lambda s=step, n=ours: s(n), "theirs": lambda s=step, n=theirs: s(n)}, rounds
        )
        time_ratio, work_ratio = ratio(seconds, "ours", "theirs"), operations["ours"] / operations["theirs"]
        results.append(
            {
                "pair": name,
                "time_ratio": time_ratio,
                "operations_ratio": work_ratio,
                "time_per_operation_ratio": time_ratio / work_ratio,
                "parameters": {"ours": count_parameters(ours), "theirs": count_parameters(theirs)},
                "differs": differs,
            }
        )
    return results


def _network(net: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network of image channels within a ``model(y, E)``."""
    return net.network if isinstance(net, UNet) else net


def compiled(size: Size, rounds: int) -> list[dict[str, Any]]:
    """``torch.compile(dynamic=False)`` relative to eager, forward and back; t is a tensor: one graph for all times."""
    torch.manual_seed(0)
    solver = LearnedSolver(4)
    image, two = torch.randn(1, 2, *size), torch.randn(1, 4, *size)
    functions: dict[str, tuple[Callable[..., Tensor], Tensor]] = {"f": (Dynamics(), image)}
    functions |= {f"G_{i}": (stage, two if i > 1 else image) for i, stage in enumerate(solver.stages, 1)}
    functions["LT-RK4's increment"] = (solver.increment, image)
    results = []
    for name, (function, x) in functions.items():
        torch._dynamo.reset()
        t, x = torch.tensor(0.4), x.requires_grad_()
        quick = torch.compile(function, dynamic=False, fullgraph=True)
        start = time.perf_counter()
        quick(t, x).sum().backward()
        compiling = time.perf_counter() - start
        ways = {"eager": function, "compiled": quick}
        seconds = rounds_of_seconds(
            {way: lambda f=f, t=t, x=x: f(t, x).sum().backward() for way, f in ways.items()}, rounds
        )
        results.append(
            {
                "function": name,
                "time_ratio": ratio(seconds, "compiled", "eager"),
                "seconds_to_compile": compiling,
                "seconds_eager": statistics.median(seconds["eager"]),
            }
        )
    return results


def show(results: dict[str, Any]) -> None:
    """The short table."""
    if c := results.get("checkpointing"):
        print(f"LT-RK4, checkpointing on / off: saved bytes {c['saved_ratio']:.3f} (at most 0.30)", end="")
        print(f", with the step held going back {c['peak_ratio']:.3f}, step time {c['time_ratio']:.2f} (at most 1.40)")
    if h := results.get("hybrid"):
        print(f"E.normal, hybrid / 2-D: time {h['time_ratio_same_image']:.2f} for the same image,", end=" ")
        print(f"{h['time_ratio_whole_readout']:.2f} for the whole readout")
    for t in results.get("timeconv", []):
        print(f"time by taps / concatenated, dilation {t['dilation']}:", end=" ")
        print(f"time {t['time_ratio']:.2f}, saved bytes {t['saved_ratio']:.2f}")
    for p in results.get("peers", []):
        if "not run" in p:
            print(f"{p['pair']}: not run, {p['not run']}")
        else:
            print(f"{p['pair']}: time {p['time_ratio']:.2f}, operations {p['operations_ratio']:.2f}", end=", ")
            print(f"time per operation {p['time_per_operation_ratio']:.2f}; {p['differs']}")
    for k in results.get("compile", []):
        print(f"{k['function']:18} compiled / eager: time {k['time_ratio']:.2f}", end=", ")
        print(f"{k['seconds_to_compile']:.0f} s to compile")
    if c := results.get("card"):
        print(
            f"LT-RK4 at {c['size'][0]} x {c['size'][1]} on {c['device']}   batch  seconds   peak GB  of floor   (paper)"
        )
        for case in c["cases"]:
            label = f"{case['name']}, {case['precision']}"
            if "not run" in case:
                print(f"{label:36} {case['batch']:5d}  not run: {case['not run']}")
                continue
            peak = "   none" if case["peak_bytes"] is None else f"{case['peak_bytes'] / 1e9:7.2f}"
            paper = PAPER_TABLE_2[case["name"]]
            print(
                f"{label:36} {case['batch']:5d} {case['seconds']:8.4f}   {peak} {case['fraction_of_floor']:9.2f}",
                end="",
            )
            print(f"   ({paper['seconds']} s, {paper['gigabytes']} GB)")


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--size", type=size_of, default=(160, 184), help="rows x columns (default: 160x184)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each comparison (default: 7)")
    parser.add_argument("--compile", action="store_true", help="also eager against compiled")
    parser.add_argument("--card", action="store_true", help="the card's part also without a GPU")
    parser.add_argument("--card-size", type=size_of, default=(320, 368), help="rows x columns (default: 320x368)")
    parser.add_argument("--card-batch", type=int, nargs="+", default=[1, 8], help="batch sizes (default: 1 8)")
    parser.add_argument("--card-matrix", type=int, default=8192, help="side of the matrix product that sets the limit")
    parts: dict[str, Callable[[argparse.Namespace], Any]] = {
        "checkpointing": lambda o: checkpointing(o.size, o.rounds),
        "hybrid": lambda o: hybrid_space(o.size, max(o.rounds, 15)),
        "timeconv": lambda o: time_channel(o.size, max(o.rounds, 15)),
        "peers": lambda o: peers(o.size, o.rounds),
        "compile": lambda o: compiled(o.size, o.rounds),
        "card": lambda o: card(o.card_size, o.card_batch, "cuda" if gpu else "cpu", o.rounds, o.card_matrix),
    }
    parser.add_argument("--only", nargs="+", choices=parts, help="these parts alone")
    options = parser.parse_args()
    usual = [name for name in parts if name not in ("compile", "card")]
    asked = options.only or usual + ["compile"] * options.compile + ["card"] * (options.card or gpu)
    results = {}
    for name in asked:
        results[name] = parts[name](options)
        show({name: results[name]})
    setting = {"benchmark": "models", "size": options.size, "rounds": options.rounds, "machine": machine()}
    write_json(options.json, {**setting, **results})


if __name__ == "__main__":
    main()
