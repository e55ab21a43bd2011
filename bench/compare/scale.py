"""What more workers, and more changes, cost."""

import glob
import json
import os
import subprocess
import time

import forwarding
import load
import mesh
from results import Row, interleave, say
from stage import Invalid

FEW, MANY, EACH = 1_000, 100_000, 100
QUICK_MANY = 10_000
CONNECTIONS = 8
STORM = 1_000


def comma(ports):
    return ",".join(f"http://127.0.0.1:{port}" for port in ports)


def choice(bench):
    """The micro-benchmark of a route choice, which has its own rounds."""
    say("route choice")
    artifacts = bench.stage.path("benchmarks")
    command = ["dotnet", "run", "-c", "Release", "--project", "bench/Benchmarks", "--", "--filter",
               "*RouteChoice.Choose(Instances: 10000)", "--exporters", "json", "--artifacts", artifacts]
    load.commands["route choice"] = " ".join(command)
    done = subprocess.run(command, cwd=mesh.ROOT, capture_output=True, text=True, timeout=400, check=False)
    files = glob.glob(os.path.join(artifacts, "results", "*RouteChoice*.json"))
    if done.returncode != 0 or not files:
        raise Invalid(f"the benchmark ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    with open(files[0], encoding="utf-8") as file:
        found = json.load(file)["Benchmarks"][0]
    work = "route choice among 10,000 instances"
    return [
        Row(work, "ns, BenchmarkDotNet", found["Statistics"]["OriginalValues"], None, 100, at_least=False),
        Row(work, "bytes allocated", [found["Memory"]["BytesAllocatedPerOperation"]], None, 0, at_least=False),
    ]


def memory(bench):
    """Two gateways, one with a hundred times the workers of the other, in service types of as many."""
    stage, ports = bench.stage, forwarding.upstreams_of(bench)
    many = QUICK_MANY if bench.quick else MANY
    gateways = {}
    for name, workers in (("few", FEW), ("many", many)):
        say(f"registering {workers:,} workers")
        gateways[name] = mesh.start_embedded(stage, f"gateway of {workers}")
        load.own("fill", "--url", gateways[name].url, "--prefix", "scale", "--workers", workers, "--each", EACH,
                 "--upstreams", comma(ports), limit=600)
        for number in range(workers // EACH):
            if gateways[name].count(f"scale-{number}") != EACH:
                raise Invalid(f"not all workers of scale-{number} are known")
    time.sleep(3)
    resident = {name: gateway.program.resident() for name, gateway in gateways.items()}

    def paths(name, path, seconds):
        count = (FEW if name == "few" else many) // EACH
        return load.wrk(f"{gateways[name].url}/", CONNECTIONS, seconds, path=path, count=count)

    measures = {f"{what}, {name}": lambda n=name, p=path: paths(n, p, bench.seconds)
                for what, path in (("find", "/api/services/scale-%d"), ("choice", "/service/scale-%d/")) for name in gateways}
    for what, path in (("find", "/api/services/scale-%d"), ("choice", "/service/scale-%d/")):
        for name in gateways:
            bench.settle(lambda seconds, n=name, p=path: paths(n, p, seconds))
    samples = interleave(bench, measures)
    each = (resident["many"] - resident["few"]) / 1024 / (many - FEW)
    rows = [Row(f"{many:,} workers in one process", "KiB each, resident", [each], None, 4, at_least=False,
                note=f"{resident['few'] >> 20} MiB at {FEW:,} workers, {resident['many'] >> 20} MiB at {many:,}")]
    for what, work in (("find", f"find, {EACH} of {many:,} workers"), ("choice", f"a forwarded request, {EACH} of {many:,} workers")):
        rows.append(samples.row(
            work, "p99 ms", f"{what}, many", f"{what}, few", 1.5, at_least=False, against=f"{EACH} of {FEW:,}"))
    return rows


def storm(bench):
    """Processor time of a gateway while workers of one service type, which it watches, register at once."""
    say("registration storm")
    gateway = mesh.start_embedded(bench.stage, "storm gateway")
    numbers = iter(range(10_000))

    def register(workers):
        prefix = f"storm{next(numbers)}"
        gateway.count(f"{prefix}-0")
        time.sleep(1)
        before = gateway.program.cpu_seconds()
        load.own("fill", "--url", gateway.url, "--prefix", prefix, "--workers", workers, "--each", workers, limit=300)
        end = time.monotonic() + 30
        while gateway.count(f"{prefix}-0") != workers:
            if time.monotonic() > end:
                raise Invalid(f"not all {workers} workers are known")
        return {"processor seconds": gateway.program.cpu_seconds() - before}

    register(3 * STORM)
    samples = interleave(bench, {"few": lambda: register(STORM), "many": lambda: register(10 * STORM)})
    return [samples.row(f"registration storm, {10 * STORM:,} workers of one service type at once", "processor seconds", "many", "few",
                        12, at_least=False, against=f"itself at {STORM:,}")]


def beside(bench):
    """Forwarded requests to a service type of 1,000 workers, alone and while these send heartbeats and register again."""
    ports = forwarding.upstreams_of(bench)
    gateway = mesh.start_embedded(bench.stage, "busy gateway")
    load.own("fill", "--url", gateway.url, "--prefix", "busy", "--workers", 1000, "--each", 1000, "--upstreams", comma(ports))
    url = f"{gateway.url}/service/busy-0/"
    say("forwarding beside heartbeats and registrations")

    def alone(seconds):
        return forwarding.checked(url, None, lambda: load.wrk(url, 32, seconds))

    def busy(seconds):
        with load.Background(
                "background", "--url", gateway.url, "--prefix", "busy", "--service", "busy-0", "--workers", 1000,
                "--upstreams", comma(ports), "--heartbeats", 1000, "--registrations", 100, "--seconds", seconds + 4) as arriving:
            # Its first requests are also its compiler's, which nobody in a mesh shares processors with.
            time.sleep(3)
            figures = alone(seconds)
            arriving.figures()
        return figures

    bench.settle(alone)
    bench.settle(busy)
    samples = interleave(bench, {"idle": lambda: alone(bench.seconds), "busy": lambda: busy(bench.seconds)})
    return [samples.row("forwarding beside 1,000 heartbeats/s and 100 registrations/s of the same service type", "requests/s",
                        "busy", "idle", 0.9, against="itself idle")]
