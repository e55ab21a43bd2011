"""Runs comparisons and writes bench/results.md and bench/results.json. Started by bench/run."""

import argparse
import os
import signal
import sys
import time

import forwarding
import report
from results import Skipped, say
from stage import Invalid, Stage

COMPARISONS = {
    "forward": forwarding.small_get,
    "post": forwarding.post,
}


class Bench:
    """One run: how much is measured, and what is running. Seconds are those of one measurement."""

    def __init__(self, stage, arguments):
        self.stage, self.quick = stage, arguments.quick
        self.rounds = arguments.rounds or (2 if arguments.quick else 5)
        self.seconds = arguments.seconds or (2 if arguments.quick else 4)
        self.warm_up = 1 if arguments.quick else 3
        self.made = {}
        self.load_before = os.getloadavg()[0]

    def once(self, name, make):
        """What several comparisons share is started by the first."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("comparisons", nargs="*", metavar="comparison", help=f"of {', '.join(COMPARISONS)}; without any, all")
    parser.add_argument("--quick", action="store_true", help="two short rounds, about two minutes: for a look, not for claims")
    parser.add_argument("--rounds", type=int, help="in place of 5")
    parser.add_argument("--seconds", type=int, help="of one measurement, in place of 4")
    parser.add_argument("--output", default="bench/results", help="the results' path without .md and .json")
    arguments = parser.parse_args()
    for name in arguments.comparisons:
        if name not in COMPARISONS:
            parser.error(f"{name} is none of {', '.join(COMPARISONS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, rows = time.time(), []
    with Stage() as stage:
        bench = Bench(stage, arguments)
        for name in arguments.comparisons or COMPARISONS:
            try:
                rows += COMPARISONS[name](bench)
            except Invalid as fault:
                say(f"{name}: {fault}")
                rows.append(Skipped(name, str(fault)))
            report.write(arguments, bench, rows, started)
    print(report.table(rows))


if __name__ == "__main__":
    main()
