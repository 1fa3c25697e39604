"""The table of networks trained freely and with their path supervised, solved at other N and by other methods."""

from __future__ import annotations

from typing import Any

from reconode_book.evidence import NOT_RUN, Answers, plain_table

SOLVERS = {"euler": "Euler", "rk2": "RK2 (Heun)", "rk4": "RK4 (classical)"}


def words(solve: str) -> str:
    """A solve of the file, such as "euler 5", in words."""
    how, steps = solve.split()
    return f"{SOLVERS[how]}, N = {steps}"


def head(one: Any) -> str:
    """A training in a table's head."""
    return f"{'free' if not one['path'] else 'weight {:g}'.format(one['path'])}, seed {one['seed']}"


def straight(it: Answers) -> str:
    """Scores by solve, how far the solution moves, and how straight the way is, a training a column."""
    measured = it.other("path")
    if measured is None:
        return f"{NOT_RUN.capitalize()}."
    trainings = measured["trainings"]
    header = ["", *map(head, trainings)]
    model, last = measured["model"], trainings[0]
    whole = [
        f"{it.one_seed('_'.join(filter(None, (model, one['variant']))), 4, one['seed']).interval('psnr').mean:.2f}"
        for one in trainings
    ]
    scores = [["all 40 knees, as trained", *whole]]
    scores += [[words(solve), *(f"{one['psnr'][solve]:.2f}" for one in trainings)] for solve in last["psnr"]]
    moved = [solve for solve in last["apart"] if solve != measured["fine"]]
    ways = [
        *([words(solve), *(f"{one['apart'][solve]:.3f}" for one in trainings)] for solve in moved),
        ["straightness", *(f"{one['straight']:.3f}" for one in trainings)],
        ["off the chord", *(f"{one['off']:.3f}" for one in trainings)],
    ]
    note = (
        f"Distances are to {words(measured['fine'])}, over the whole way from the zero-filled image. Straightness is "
        "that way over the sum of the trained N's steps, 1 for a straight one; off the chord is the states' mean "
        "distance from it, over the same way."
    )
    about = f"{it.title(model)} after {last['steps']:,} steps, {measured['volumes']} test knees at 4×"
    made = [
        plain_table(f"{about}: PSNR in dB by solver and N", header, scores),
        plain_table(f"{about}: how far from the exact flow, and how straight", header, ways),
    ]
    return "\n\n".join([*made, note])
