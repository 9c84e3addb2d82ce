"""What a problem declares, and what is refused in a declaration; a problem's file imports its words from here."""

from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.purpose import Purpose, Words
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.slice_definitions import Band
from lifecycle.problem.window_words import Where, Window

__all__ = [
    "Band",
    "Column",
    "Difference",
    "Hour",
    "Night",
    "Problem",
    "Purpose",
    "Ratio",
    "Raw",
    "Weekend",
    "Where",
    "Window",
    "Words",
]
