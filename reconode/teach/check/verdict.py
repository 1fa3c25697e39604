"""What a check says of an answer, and how a check is written.

A check is a function of the answer that returns what to say when it is right and raises :class:`NotYet` when it is
not. :func:`check` turns it into one that always returns a :class:`Verdict`: an exercise is tried with half-finished
answers of any type, and a traceback out of this library would teach nobody anything.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reconode.errors import ReconodeError


@dataclass(frozen=True, repr=False)
class Verdict:
    """Whether an answer is right, and one or two sentences that say why or what to look at next."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.text}"


class Untouched(ReconodeError):  # noqa: N818 (:func:`check` catches it)
    """The dots are still there."""


class NotYet(ReconodeError):  # noqa: N818 (the first words of what it says)
    """The answer is wrong; the message tells the reader what to look at next."""


def check(judge: Callable[[Any], str]) -> Callable[[Any], Verdict | None]:
    """Make a check of a function that returns praise or raises :class:`NotYet`; other errors are "Not yet" too.

    Where the dots are still there the check is silent: a page that nobody has filled in yet shows no verdicts.
    """

    @functools.wraps(judge)
    def verdict(answer: Any) -> Verdict | None:
        if answer is None:
            return Verdict(False, "there is no answer yet; replace the dots with yours.")
        try:
            touched(answer)
            return Verdict(True, judge(answer))
        except Untouched:
            return None
        except NotYet as wrong:
            return Verdict(False, str(wrong))
        except Exception as error:  # the reader's own function may do anything
            reason = (str(error).splitlines() or [""])[0].rstrip(".")
            return Verdict(False, f"your answer stopped with {type(error).__name__}{': ' * bool(reason)}{reason}.")

    return verdict


def touched(answer: Any) -> None:
    """Nothing for an answer; ends the check in silence where there is none yet."""
    if answer is Ellipsis:
        raise Untouched("there is no answer yet")


def number(answer: Any) -> float:
    """The answer as a finite real number; one-element tensors and arrays count."""
    touched(answer)
    try:
        if isinstance(answer, str | bytes):
            raise TypeError
        value = complex(answer.item() if hasattr(answer, "item") else answer)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(f"expected one number, got {_kind(answer)}.") from error
    if value.imag or not math.isfinite(value.real):
        raise NotYet(f"expected a finite real number, got {answer}.")
    return value.real


def tensor(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """The answer as a tensor of that shape, without NaN or Inf."""
    touched(answer)
    try:
        value = torch.as_tensor(answer)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(f"expected a tensor of shape {shape}, got {_kind(answer)}.") from error
    if tuple(value.shape) != shape:
        raise NotYet(f"expected a tensor of shape {shape}, got shape {tuple(value.shape)}.")
    if not bool(torch.isfinite(value).all()):
        raise NotYet("some values are NaN or infinite; look for a division by zero or a step that diverges.")
    return value


def function(answer: Any) -> Callable[..., Any]:
    """The answer as something that can be called."""
    if not callable(answer):
        raise NotYet(f"expected a function, got {_kind(answer)}; pass the function itself, without calling it.")
    return answer


def something(result: Any) -> Any:
    """What the reader's function returned, if that is anything."""
    touched(result)
    if result is None:
        raise NotYet("your function returns nothing yet.")
    return result


def returned(result: Any, shape: tuple[int, ...]) -> Tensor:
    """What the reader's function returned, as a tensor of that shape."""
    return tensor(something(result), shape)


def _kind(answer: Any) -> str:
    return f"a value of type {type(answer).__name__}"
