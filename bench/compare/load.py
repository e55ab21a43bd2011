"""The load generators: wrk, and our own where Debian's can't."""

import json
import os
import re
import subprocess

from mesh import ROOT, binary
from stage import Invalid, fetch

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = binary("Load", "Load")
# Our generator shares the processors with what is measured: it wakes as few threads as can be, and compiles what it runs once. In tiers
# that takes longer than a measurement, most of all of what speaks to etcd.
ENVIRONMENT = {**os.environ, "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS": "1", "DOTNET_TieredCompilation": "0"}
WRK_THREADS = 2
# Command lines as they were run, without those that differ in a port only.
commands = {}


def run(name, command, limit):
    """Runs a generator to its end and returns its last line, which is JSON."""
    commands.setdefault(name, " ".join(command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, env=ENVIRONMENT)
    except subprocess.TimeoutExpired as late:
        raise Invalid(f"{command[0]} did not end within {limit} s") from late
    lines = done.stdout.strip().splitlines()
    # Our own generator ends with 1 where it has something to say of errors.
    if not lines or not lines[-1].startswith("{"):
        raise Invalid(f"{os.path.basename(command[0])} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return json.loads(lines[-1])


def wrk(url, connections, seconds, method="GET", size=0, path=None, count=0):
    """Requests a second and latencies in milliseconds, of one path or of many in the form of path. Any error makes it invalid."""
    many = [path, str(count)] if path else []
    report = run(
        " ".join(["wrk", method, *([str(size)] if size else []), *many[:1]]),
        ["wrk", "-t", str(min(WRK_THREADS, connections)), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "--latency",
         "-s", os.path.join(HERE, "report.lua"), url, "--", method, str(size), *many], seconds + 30)
    errors = {name: report[name] for name in ("status", "connect", "read", "write", "timeout") if report[name]}
    if errors or not report["requests"]:
        raise Invalid(f"wrk counted errors {errors} in {report['requests']} requests")
    return {"requests/s": report["requests"] / report["seconds"], "p50 ms": report["p50_us"] / 1000, "p99 ms": report["p99_us"] / 1000}


def h2load(url, connections, streams, seconds, threads=1, extra=(), name="h2load"):
    """Requests a second by h2load, over HTTP/1.1 where streams is 0. Any failure makes it invalid."""
    version = ["-m", str(streams)] if streams else ["--h1"]
    command = ["h2load", "-D", str(seconds), "-c", str(connections), "-t", str(threads), *version, *extra, url]
    commands.setdefault(name, " ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    good = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", done.stdout)
    rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", done.stdout)
    if not counts or not good or not rate or any(int(n) for n in counts.groups()[1:]) or not int(counts[1]):
        raise Invalid(f"h2load: {done.stdout[-600:]}{done.stderr[-200:]}")
    return {"requests/s": float(rate[1])}


def own(command, *arguments, limit=120):
    """Our own generator's report: operations a second, latencies in milliseconds."""
    report = run(f"Load {command}", [OWN, command, *(str(a) for a in arguments)], limit)
    return figures_of(report)


def figures_of(report):
    """What a line of our generator says. Any error makes it invalid."""
    if report["errors"] or not report["operations"]:
        raise Invalid(f"{report['errors']} errors beside {report['operations']} operations: {report['first_error']}")
    return {"operations/s": report["operations"] / report["seconds"], "p50 ms": report["p50_ms"], "p99 ms": report["p99_ms"]}


class Background:
    """Our generator beside something else, until that ends."""

    def __init__(self, command, *arguments):
        line = [OWN, command, *(str(a) for a in arguments)]
        commands.setdefault(f"Load {command}", " ".join(line))
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, env=ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def wait_until_ready(self):
        """Its first line, which says that it is in place."""
        if self.process.stdout.readline().strip() != "ready":
            raise Invalid("the watcher did not come to be ready")

    def figures(self, limit=90):
        """Its report, once it has ended by itself."""
        try:
            output, _ = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as late:
            raise Invalid("the generator did not end") from late
        lines = output.strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            raise Invalid(f"the generator said: {output[-500:]}")
        return figures_of(json.loads(lines[-1]))


def expect(url, body, answer):
    """One request, whose answer must be this."""
    status, got = fetch(url, body)
    if status != 200 or got != answer:
        raise Invalid(f"{url}: {status} {got[:80]!r} in place of 200 {answer[:80]!r}")


def said(directory):
    """The command lines that were run, one a kind."""
    return {name: line.replace(ROOT + "/", "").replace(directory, "$DIR") for name, line in commands.items()}
