"""Writes what was measured, on what, and how."""

import functools
import glob
import json
import os
import platform
import subprocess
import time

import load
from mesh import ROOT
from results import Row, Skipped, show, show_spread


# Processors used by others from which on a ratio is not to be trusted.
DISTURBED = 0.3


def output_of(*command):
    """The first line that a program says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=ROOT)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "not there"


def postgres():
    return sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))[-1:]


@functools.cache
def versions():
    """Asked once, before there are results: these change what git says of the commit."""
    return {
        "WorkerMesh": output_of("git", "describe", "--always", "--dirty"),
        ".NET SDK": output_of("dotnet", "--version"),
        "nginx": output_of("/usr/sbin/nginx", "-v"),
        "haproxy": output_of("/usr/sbin/haproxy", "-v"),
        "caddy": output_of("caddy", "version"),
        "PostgreSQL": output_of(*postgres(), "--version"),
        "etcd": output_of("etcd", "--version"),
        "wrk": output_of("wrk", "-v").split("[")[0].strip(),
        "h2load": output_of("h2load", "--version"),
    }


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {
        "processors": f"{os.cpu_count()} × {models[0] if models else platform.machine()}",
        "memory": f"{memory:,} MiB", "kernel": platform.release(),
    }


def bar_of(row):
    times = " ×" if row.peer is not None else ""
    goal = f"; goal {row.goal:g}{times}" if row.goal else ""
    return f"{'≥' if row.at_least else '≤'} {row.bar:g}{times}{goal}"


def verdict_of(row):
    if row.verdict() == "invalid":
        return "**invalid**: " + (" ".join(row.faults[0].split())[:300] if row.faults else "nothing measured")
    verdict = "**missed**" if row.verdict() == "missed" else "met" + (", goal too" if row.reaches_goal() else "")
    return verdict + (", disturbed" if row.others is not None and row.others > DISTURBED else "")


def table(rows):
    lines = ["| work | metric | against | ours | theirs | figure | bar | | others |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        if isinstance(row, Skipped):
            lines.append(f"| {row.work} | | | | | | | not measured: {' '.join(row.reason.split())[:300]} | |")
            continue
        theirs = "" if row.peer is None else show_spread(row.peer)
        figure = show(row.figure()) + (" ×" if row.peer is not None and row.figure() is not None else "")
        lines.append(f"| {row.work} | {row.metric} | {row.against} | {show_spread(row.ours)} | {theirs} | {figure} | {bar_of(row)} | "
                     f"{verdict_of(row)} | {'' if row.others is None else f'{row.others:.1f}'} |")
    return "\n".join(lines)


def write(arguments, bench, rows, started):
    """Both files; after each comparison, so that a run that is ended early leaves what it has."""
    about = machine()
    facts = {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(started)), "took_seconds": round(time.time() - started),
        "quick": arguments.quick, "rounds": bench.rounds, "seconds": bench.seconds,
        "machine": about, "versions": versions(), "started": bench.commands, "load": load.said(bench.stage.directory),
        "configurations": bench.configurations,
    }
    with open(os.path.join(ROOT, f"{arguments.output}.json"), "w", encoding="utf-8") as file:
        json.dump({**facts, "rows": [row.as_json() for row in rows if isinstance(row, Row)],
                   "not_measured": {row.work: row.reason for row in rows if isinstance(row, Skipped)}}, file, indent=1)
        file.write("\n")
    notes = [f"- {', '.join(filter(None, (row.work, row.against)))}: {row.note}" for row in rows if isinstance(row, Row) and row.note]
    text = [
        "# Side by side", "",
        f"Written by `bench/run` on {facts['measured']}; [what is compared and how](README.md). "
        + ("**A quick look, no claims.** " if arguments.quick else "")
        + f"Medians of {bench.rounds} interleaved rounds (min–max), {bench.seconds} s each; a figure with × is the ratio of "
        "medians. Absolute numbers say as much of the machine as of the programs. *Others*: how many of its "
        f"{os.cpu_count()} processors programs that have nothing to do with this used meanwhile (median); with more than "
        f"{DISTURBED} a row is disturbed, and what it says is uncertain.", "",
        table(rows), "", *([*notes, ""] if notes else []),
        "## On what", "", *(f"- {name}: {value}" for name, value in about.items()), "",
        *(f"- {name}: {value}" for name, value in facts["versions"].items()), "",
        "## Command lines", "", "The files that they name are in results.json, at `configurations`.", "", "```", *(f"{name}: {line}" for name, line in facts["started"].items()), "",
        *facts["load"].values(), "```", ""]
    with open(os.path.join(ROOT, f"{arguments.output}.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(text))
