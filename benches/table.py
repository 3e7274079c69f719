"""Rows of the report: numbers with their spread, a target, a verdict."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Sample:
    """Repeated measurements of one thing, in `unit`."""

    values: list
    unit: str = "ms"

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        if len(self.values) == 1:
            return f"{number(self.values[0])} {self.unit}"
        return (
            f"{number(self.median)} {self.unit} "
            f"({number(min(self.values))}–{number(max(self.values))})"
        )


@dataclass
class Row:
    """One line: ours, perhaps a counterpart from the same run, perhaps a target for our median."""

    what: str
    ours: Sample
    counterpart: str = ""
    theirs: Sample = None
    target: float = None
    at_least: bool = False
    #: The target is for ours divided by theirs.
    relative: bool = False

    @property
    def ratio(self):
        return self.ours.median / self.theirs.median if self.theirs and self.theirs.median else None

    @property
    def met(self):
        if self.target is None:
            return ""
        value = self.ratio if self.relative else self.ours.median
        good = value >= self.target if self.at_least else value <= self.target
        return "yes" if good else "NO"

    def cells(self):
        sign = "≥" if self.at_least else "≤"
        unit = "×" if self.relative else f" {self.ours.unit}"
        return [
            self.what,
            str(self.ours),
            f"{self.counterpart}: {self.theirs}" if self.theirs else self.counterpart,
            f"{self.ratio:.2f}" if self.ratio is not None else "",
            f"{sign} {number(self.target)}{unit}" if self.target is not None else "",
            self.met,
        ]


@dataclass
class Report:
    """All rows of a run and what has to be said about them."""

    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def __str__(self):
        head = ["what", "ours: median (min–max)", "counterpart", "ratio", "target", "met"]
        lines = [head] + [row.cells() for row in self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        lines.insert(1, ["-" * width for width in widths])
        text = "\n".join(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
        )
        return "\n".join([text, *(f"- {note}" for note in self.notes)])


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
