"""The load generators: wrk, and our own where Debian's can't."""

import json
import os
import subprocess

from stage import Invalid, fetch

HERE = os.path.dirname(os.path.abspath(__file__))
WRK_THREADS = 2
# Command lines as they were run, without those that differ in a port only.
commands = {}


def run(name, command, limit):
    """Runs a generator to its end and returns its last line, which is JSON."""
    commands.setdefault(name, " ".join(command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as late:
        raise Invalid(f"{command[0]} did not end within {limit} s") from late
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Invalid(f"{os.path.basename(command[0])} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return json.loads(lines[-1])


def wrk(url, connections, seconds, method="GET", size=0):
    """Requests a second and latencies in milliseconds. Any error makes it invalid."""
    report = run(
        f"wrk {method} {size or ''}".strip(),
        ["wrk", "-t", str(min(WRK_THREADS, connections)), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "--latency",
         "-s", os.path.join(HERE, "report.lua"), url, "--", method, str(size)], seconds + 30)
    errors = {name: report[name] for name in ("status", "connect", "read", "write", "timeout") if report[name]}
    if errors or not report["requests"]:
        raise Invalid(f"wrk counted errors {errors} in {report['requests']} requests")
    return {"requests/s": report["requests"] / report["seconds"], "p50 ms": report["p50_us"] / 1000, "p99 ms": report["p99_us"] / 1000}


def expect(url, body, answer):
    """One request, whose answer must be this."""
    status, got = fetch(url, body)
    if status != 200 or got != answer:
        raise Invalid(f"{url}: {status} {got[:80]!r} in place of 200 {answer[:80]!r}")


def said(directory):
    """The command lines that were run, one a kind."""
    return {name: line.replace(HERE, "bench/compare").replace(directory, "$DIR") for name, line in commands.items()}
