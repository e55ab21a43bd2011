"""Runs comparisons and writes bench/results.md and bench/results.json. Started by bench/run."""

import argparse
import signal
import sys
import time

import control
import forwarding
import large
import report
import scale
import silos
from results import Skipped, say
from stage import Invalid, Stage

# What runs beside each other shares what it needs; between the groups everything is ended.
GROUPS = (
    {"forward": forwarding.small_get, "post": forwarding.post},
    {"large": large.bodies},
    {"registrations": control.registrations, "heartbeats": control.heartbeats, "find": control.find, "watch": control.watch},
    {"choice": scale.choice},
    {"beside": scale.beside, "storm": scale.storm},
    {"memory": scale.memory},
    {"silos": silos.control_plane},
)
NAMES = [name for group in GROUPS for name in group]
# Seconds of work before anything is measured; then so many more at a time, until compilers use no more than this of a processor, or
# that time is over.
WARM_UP, SETTLING, SETTLED, MOST_SETTLING = 8, 4, 0.03, 60
# Too long for a quick look, unless they are asked for by name.
LONG = ("choice", "storm", "memory", "silos")


class Bench:
    """One run: how much is measured, and what is running. Seconds are those of one measurement."""

    def __init__(self, arguments):
        self.stage, self.quick = None, arguments.quick
        # All of them quickly, a few of them quickly, or for claims.
        rounds, seconds = (5, 3) if not arguments.quick else (3, 3) if arguments.comparisons else (2, 1)
        self.rounds, self.seconds = arguments.rounds or rounds, arguments.seconds or seconds
        self.made, self.commands, self.configurations = {}, {}, {}

    def begin(self, stage):
        """What follows is started on that stage."""
        self.stage, self.made = stage, {}
        stage.commands, stage.configurations = self.commands, self.configurations

    def settle(self, measure):
        """
        Has a work done that takes so many seconds, until programs of .NET have compiled what they need for it: a new one takes half of
        its time for that, until some 70,000 registrations or 400,000 requests. In a quick run only for a second.
        """
        measure(1 if self.quick else WARM_UP)
        end = time.monotonic() + MOST_SETTLING
        while not self.quick and time.monotonic() < end:
            before = self.stage.compiling_seconds()
            measure(SETTLING)
            if self.stage.compiling_seconds() - before < SETTLED * SETTLING:
                return

    def once(self, name, make):
        """What several comparisons share is started by the first."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("comparisons", nargs="*", metavar="comparison", help=f"of {', '.join(NAMES)}; without any, all")
    parser.add_argument("--quick", action="store_true", help="few short rounds, about two minutes: for a look, not for claims")
    parser.add_argument("--rounds", type=int, help="in place of 5")
    parser.add_argument("--seconds", type=int, help="of one measurement, in place of 3")
    parser.add_argument("--output", default="bench/results", help="the results' path without .md and .json")
    arguments = parser.parse_args()
    for name in arguments.comparisons:
        if name not in NAMES:
            parser.error(f"{name} is none of {', '.join(NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, rows, bench = time.time(), [], Bench(arguments)
    chosen = arguments.comparisons or [name for name in NAMES if not (arguments.quick and name in LONG)]
    for group in GROUPS:
        names = [name for name in group if name in chosen]
        if not names:
            continue
        with Stage() as stage:
            bench.begin(stage)
            for name in names:
                try:
                    rows += group[name](bench)
                except Invalid as fault:
                    say(f"{name}: {fault}")
                    rows.append(Skipped(name, str(fault)))
                report.write(arguments, bench, rows, started)
    if not arguments.comparisons and arguments.quick:
        rows += [Skipped(name, "too long for a quick look; by name it is") for name in LONG]
        report.write(arguments, bench, rows, started)
    print(report.table(rows))


if __name__ == "__main__":
    main()
