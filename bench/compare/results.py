"""Rounds, medians and bars."""

import statistics
import sys
from dataclasses import dataclass, field

from stage import Invalid


def say(text):
    """Progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


class Samples:
    """What was measured: numbers by what was measured (a system under a load) and by metric, one a round."""

    def __init__(self):
        self.values, self.faults, self.others = {}, {}, {}

    def add(self, measure, figures):
        for metric, value in figures.items():
            self.values.setdefault((measure, metric), []).append(value)

    def of(self, measure, metric):
        return self.values.get((measure, metric), [])

    def row(self, work, metric, ours, theirs, bar, **more):
        """Ours against a peer's, or without one."""
        measures = [ours, theirs] if theirs else [ours]
        more.setdefault("against", theirs or "")
        return Row(
            work, metric, ours=self.of(ours, metric), peer=self.of(theirs, metric) if theirs else None, bar=bar,
            faults=[fault for measure in measures for fault in self.faults.get(measure, [])],
            others=statistics.median([used for measure in measures for used in self.others.get(measure, [])] or [0]), **more)


def interleave(bench, measures):
    """Calls each of the measures (name: function that returns figures by metric) once a round, from another one on each
    time, so that what the machine does beside falls on all of them."""
    samples, names = Samples(), list(measures)
    for number in range(bench.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            try:
                figures, others = bench.stage.used_by_others(measures[name])
            except Invalid as fault:
                samples.faults.setdefault(name, []).append(str(fault))
                say(f"  round {number + 1}  {name}: INVALID, {fault}")
                continue
            samples.add(name, figures)
            samples.others.setdefault(name, []).append(others)
            say(f"  round {number + 1}  {name}: " + ", ".join(f"{m} {show(v)}" for m, v in figures.items())
                + f"; others used {others:.1f} processors")
    return samples


@dataclass
class Row:
    """One line of the results: ours against a peer's by the ratio of medians, or, without a peer, against a number."""

    work: str
    metric: str
    ours: list
    peer: list | None
    bar: float
    against: str = ""
    # Whether the figure is to be at least the bar (rates), or at most (times, memory).
    at_least: bool = True
    goal: float | None = None
    faults: list = field(default_factory=list)
    note: str = ""
    # Whether the largest figure counts, and not the median.
    worst: bool = False
    # Processors that programs that are not ours used meanwhile, the median; None where that is not known.
    others: float | None = None

    def figure(self):
        """The ratio of medians, or the median where there is no peer."""
        if not self.ours or self.peer == []:
            return None
        ours = max(self.ours) if self.worst else statistics.median(self.ours)
        return ours if self.peer is None else ours / statistics.median(self.peer)

    def verdict(self):
        figure = self.figure()
        if self.faults or figure is None:
            return "invalid"
        return "met" if (figure >= self.bar if self.at_least else figure <= self.bar) else "missed"

    def reaches_goal(self):
        figure = self.figure()
        return self.goal is not None and figure is not None and figure >= self.goal

    def as_json(self):
        return {
            "work": self.work, "metric": self.metric, "against": self.against,
            "ours": spread(self.ours), "peer": None if self.peer is None else spread(self.peer),
            "figure": self.figure(), "figure_is": "ratio of medians" if self.peer is not None else "maximum" if self.worst else "median",
            "bar": self.bar, "bar_is": "at least" if self.at_least else "at most", "goal": self.goal,
            "verdict": self.verdict(), "faults": self.faults, "note": self.note,
            "processors_used_by_others": self.others,
        }


@dataclass
class Skipped:
    """A comparison that was not made, and why."""

    work: str
    reason: str


def spread(values):
    """The median and the extremes of a list, and the list."""
    if not values:
        return {"median": None, "min": None, "max": None, "samples": []}
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "samples": values}


def show(value):
    """A number as people read it: three digits."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show_spread(values):
    return f"{show(statistics.median(values))} ({show(min(values))}–{show(max(values))})" if values else "–"
