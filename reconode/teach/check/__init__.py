"""Checks of the exercises: ``check.ex3_2(answer)`` judges exercise 2 of chapter 3 and returns a :class:`Verdict`.

A check never raises on a wrong answer, whatever its type: the verdict says "Right: …" or "Not yet: …" and why.
"""

from reconode.teach.check.ex1 import ex1_1, ex1_2, ex1_3, ex1_4
from reconode.teach.check.ex2 import ex2_1, ex2_2, ex2_3, ex2_4
from reconode.teach.check.ex3 import ex3_1, ex3_2, ex3_3, ex3_4
from reconode.teach.check.ex4 import ex4_1, ex4_2, ex4_3, ex4_4
from reconode.teach.check.ex5 import ex5_1, ex5_2, ex5_3, ex5_4
from reconode.teach.check.ex6 import ex6_1, ex6_2, ex6_3
from reconode.teach.check.ex8 import ex8_1, ex8_2, ex8_3, ex8_4
from reconode.teach.check.verdict import Verdict

__all__ = [
    "Verdict",
    "ex1_1",
    "ex1_2",
    "ex1_3",
    "ex1_4",
    "ex2_1",
    "ex2_2",
    "ex2_3",
    "ex2_4",
    "ex3_1",
    "ex3_2",
    "ex3_3",
    "ex3_4",
    "ex4_1",
    "ex4_2",
    "ex4_3",
    "ex4_4",
    "ex5_1",
    "ex5_2",
    "ex5_3",
    "ex5_4",
    "ex6_1",
    "ex6_2",
    "ex6_3",
    "ex8_1",
    "ex8_2",
    "ex8_3",
    "ex8_4",
]
