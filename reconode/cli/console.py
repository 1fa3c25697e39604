"""What every command shares: two consoles, errors in one sentence, batches that go on, progress bars, tables, JSON."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from reconode.errors import OutputError, ReconodeError, UsageError, out_of_memory

# Piped into a file or a pager, tables keep their natural width instead of being cut to 80 columns.
_WIDTH = None if sys.stdout.isatty() else 200
answer = Console(highlight=False, soft_wrap=True, width=_WIDTH)
notes = Console(stderr=True, highlight=False, soft_wrap=True)

NO_MEMORY = "out of memory; use a smaller --batch-size or fewer slices, or close other programs"
INTERRUPTED = 130
"""The exit status of a command that Ctrl-C stopped, as shells have it."""


class Commands(TyperGroup):
    """Turns the library's errors and Ctrl-C into one sentence and an exit status; never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ReconodeError as error:
            notes.print(f"[bold red]error:[/] {plain(error)}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as error:
            notes.print("[bold]stopped[/]; the files that are there are whole, run the command again to go on")
            raise typer.Exit(getattr(error, "status", INTERRUPTED)) from None
        except (MemoryError, RuntimeError, ImportError) as error:
            if not out_of_memory(error):
                raise
            notes.print(f"[bold red]error:[/] {NO_MEMORY}")
            raise typer.Exit(1) from None
        except BrokenPipeError:
            raise
        except OSError as error:  # of the answer itself: --json > a full disk
            with contextlib.suppress(OSError):
                notes.print(f"[bold red]error:[/] {plain(error)}")
            raise typer.Exit(1) from None


@dataclass
class Batch:
    """What became of a batch's files."""

    done: list[Any] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def finish(self) -> None:
        """List what failed and exit with 1, if anything did."""
        for entry in self.failed:
            notes.print(f"[bold red]failed:[/] {plain(entry['error'])}")
        if self.failed:
            total = len(self.failed) + len(self.done)
            others = "; the others are done" if self.done else ""
            if total > 1:
                notes.print(f"{len(self.failed)} of {plural(total, 'file')} failed{others}")
            raise typer.Exit(1)


def run_batch(
    title: str,
    jobs: Iterable[Any],
    work: Callable[..., Any],
    *,
    name: Callable[[Any], str] = str,
    fractions: bool = False,
) -> Batch:
    """Do `work` on each job under a progress bar; a job that fails with a :class:`ReconodeError` is noted and skipped.

    With `fractions`, `work` gets a second argument to report the share of a job done since the last report.
    """
    batch, jobs = Batch(), list(jobs)
    with progress_bar(title, len(jobs)) as advance:
        for number, job in enumerate(jobs, start=1):
            try:
                batch.done.append(work(job, advance) if fractions else work(job))
            except OutputError as error:
                batch.failed.append({"file": name(job), "error": str(error)})
                if isinstance(error.__cause__, OSError):
                    raise  # the next file could not be written either
            except ReconodeError as error:
                batch.failed.append({"file": name(job), "error": str(error)})
            except (MemoryError, RuntimeError, ImportError) as error:
                if not out_of_memory(error):
                    raise
                batch.failed.append({"file": name(job), "error": f"{name(job)}: {NO_MEMORY}"})
            advance(number, absolute=True)
    return batch


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error, gone when the work is done; yields a function that moves it."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task(title, total=total)

        def advance(amount: float, absolute: bool = False) -> None:
            if absolute:
                bar.update(task, completed=amount)
            else:
                bar.advance(task, amount)

        yield advance


@contextmanager
def training_bar(steps: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A training's progress with its loss and the time left; validations stay above it as lines."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, disable=not notes.is_terminal) as bar:
        task = bar.add_task("training", total=steps)

        def watch(step: int, values: dict[str, float]) -> None:
            bar.update(task, completed=step)
            if "loss" in values:
                bar.update(task, description=f"loss {values['loss']:.4f}, {values['relative']:.0%} of zero-filled's")
            if "psnr" in values:
                notes.print(f"step {step}: validation PSNR {values['psnr']:.2f} dB, SSIM {values['ssim']:.4f}")

        yield watch


def find_device(name: str) -> Any:
    """The torch device of that name, if this machine has it."""
    import torch

    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it holds no numbers")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        available = f"cpu or cuda (0 to {torch.cuda.device_count() - 1})" if torch.cuda.is_available() else "cpu only"
        raise UsageError(f"--device {name} is not here: this machine has {available}") from error
    return device


def parse_budget(text: str | None) -> float:
    """Seconds of '90s', '25m', '8h'; without end for None."""
    if text is None:
        return float("inf")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise UsageError(f"--budget {text}: expected a time like 90s, 25m or 8h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def make_table(*headings: str) -> Table:
    """A table without lines, numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in ("slices", "coils", "parameters", "PSNR dB", "SSIM", "NMSE") else "left",
        )
    return table


def interval(value: Any, digits: int) -> str:
    """A mean with its interval; the mean alone when one volume has none."""
    if value.low != value.low:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def plain(text: object) -> str:
    """Text from files and names as it is, for printing: no markup, no control characters for the terminal to obey."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def plural(number: int, what: str) -> str:
    """A number with its noun: "1 volume", "2 volumes"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def print_json(content: dict[str, Any]) -> None:
    """JSON on standard output; NaN and infinity, which JSON does not have, as null."""

    def clean(value: Any) -> Any:
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return None
        if isinstance(value, dict):
            return {key: clean(v) for key, v in value.items()}
        return [clean(v) for v in value] if isinstance(value, list | tuple) else value

    sys.stdout.write(json.dumps(clean(content), indent=2, allow_nan=False, default=str) + "\n")
