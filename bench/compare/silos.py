"""The control plane at one, two and four silos, each held to a part of a processor by the container engine."""

import os
import statistics
import subprocess

import load
import mesh
from control import Names
from results import Skipped, interleave, say, show
from stage import Invalid, listens

SIZES = (1, 2, 4)
# The second is so little that four silos leave most of two processors to the gateway, the database and the generator, which together take
# more for a registration than a silo does. With the first, two processors have no more to give, and silos can't use all that they may.
PROCESSORS = (0.25, 0.1)
STARTING = 1
LINEAR = 0.8
IMAGE = "workermesh-silo"
# As many as it takes for the silos to have something to do all the time: each waits for silos that are held up for three quarters of it.
# As many at all silos together, as of who adds silos for the same work, and as many for each, as of who adds them for more.
CLIENTS = 512
BATCH, BATCH_CLIENTS = 250, 32
USED = "processors of each silo"
# What they would do more of where nothing else on the machine were at its limit.
WORK = "operations per second of the silos' processor time"
# Seconds that it works held, before anything is measured.
SETTLING = 3
ATTEMPTS = 5


def engine():
    """Why there are no silos in containers, or nothing."""
    try:
        if subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode != 0:
            return "no container engine answers"
    except (OSError, subprocess.TimeoutExpired):
        return "there is no container engine"
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=20, check=False).returncode != 0:
        return f"there is no image {IMAGE}: docker compose -f compose/docker-compose.yml build silo"
    return None


def start_silo(stage, name, database):
    """One silo in a container, of this build: the image gives the runtime."""
    silo, clients = stage.port(), stage.port()
    container = f"{os.path.basename(stage.directory)}-{name.replace(' ', '-')}"
    stage.at_end(lambda: subprocess.run(["docker", "rm", "-f", container], capture_output=True, timeout=60, check=False))
    environment = {
        "ConnectionStrings__Cluster": database, "Silo__SiloPort": silo, "Silo__GatewayPort": clients,
        "Silo__AdvertisedAddress": "127.0.0.1", "Silo__Name": container, "Silo__MonitoringPort": ""}
    program = stage.start(
        name, ["docker", "run", "--rm", "--init", "--name", container, "--network", "host", "--cpus", str(STARTING), "--user", "0",
               "-v", f"{os.path.join(mesh.ROOT, 'artifacts/bin/Silo/release')}:/mesh:ro", "--entrypoint", "dotnet",
               *(part for key, value in environment.items() for part in ("-e", f"{key}={value}")), IMAGE, "/mesh/WorkerMesh.Silo.dll"],
        lambda: listens(clients), limit=120, redact=(mesh.ROOT + "/",))
    program.elsewhere.append(int(stage.run(["docker", "inspect", "-f", "{{.State.Pid}}", container])))
    return program, container


class Cluster:
    """So many silos, and their gateway."""

    def __init__(self, stage, size):
        say(f"starting {size} silos")
        server = mesh.start_postgres(stage, f"postgres of {size}")
        self.stage, started = stage, [start_silo(stage, f"silo {number + 1} of {size}", server) for number in range(size)]
        self.silos, self.containers = [silo for silo, _ in started], [container for _, container in started]
        self.url = mesh.start_cluster_gateway(stage, server, f"gateway of {size}").url

    def hold(self, processors):
        """From now on each silo gets no more than that."""
        self.stage.run(["docker", "update", "--cpus", str(processors), *self.containers])

    def used(self, seconds, measure):
        """What a measurement of so many seconds says, and how many processors each silo used meanwhile."""
        before = sum(silo.cpu_seconds() for silo in self.silos)
        figures = measure()
        took = sum(silo.cpu_seconds() for silo in self.silos) - before
        figures[USED] = took / seconds / len(self.silos)
        figures[WORK] = figures["operations/s"] * seconds / took
        return figures


def patiently(action):
    """Does it again where a silo that still compiles did not answer in time. Not for what is measured."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except Invalid:
            if attempt == ATTEMPTS - 1:
                raise


def control_plane(bench):
    """Registrations, and heartbeats in batches, of many service types: those of one are in one silo."""
    if reason := engine():
        return [Skipped("control plane at 1, 2 and 4 silos", reason)]
    stage, names = bench.stage, Names("silo")
    clusters = {size: Cluster(stage, size) for size in SIZES}
    workers = BATCH * BATCH_CLIENTS
    for cluster in clusters.values():
        patiently(lambda url=cluster.url: load.own(
            "fill", "--url", url, "--prefix", "beat", "--workers", workers, "--each", workers // 64, "--clients", 8, limit=300))

    def register(size, seconds, clients=CLIENTS):
        return clusters[size].used(seconds, lambda: load.own(
            "register", "--url", clusters[size].url, "--prefix", names.next(), "--clients", clients, "--seconds", seconds))

    def register_more(size, seconds):
        return register(size, seconds, CLIENTS * size)

    def beat(size, seconds):
        return clusters[size].used(seconds, lambda: load.own(
            "heartbeats", "--url", clusters[size].url, "--prefix", "beat", "--clients", BATCH_CLIENTS, "--batch", BATCH,
            "--seconds", seconds))

    def used(samples, name):
        found = samples.of(name, USED)
        return show(statistics.median(found)) if found else "?"

    rows, works = [], (("registrations", register, register_more), (f"heartbeats in batches of {BATCH}", beat, None))
    say("warming up")
    for size in SIZES:
        for _, measure, _ in works:
            bench.settle(lambda seconds, s=size, m=measure: patiently(lambda: m(s, seconds)))
    for processors in PROCESSORS:
        for cluster in clusters.values():
            cluster.hold(processors)
        for work, measure, more in works:
            say(f"{work} at {SIZES} silos of {processors} processors each")
            for size in SIZES:
                patiently(lambda s=size, m=measure: m(s, SETTLING))
            variants = {f"{size} silos": (size, measure) for size in SIZES}
            if more:
                variants |= {f"{size} silos with {CLIENTS} clients each": (size, more) for size in SIZES[1:]}
            samples = interleave(bench, {name: lambda s=size, m=how: m(s, bench.seconds) for name, (size, how) in variants.items()})
            for name, (size, _) in variants.items():
                if size == SIZES[0]:
                    continue
                held = f"{work}, {name}, each held to {processors} processors"
                rows.append(samples.row(
                    held, "operations/s", name, "1 silos", LINEAR * size, against="one silo",
                    note=f"each silo used {used(samples, name)} processors, the one alone {used(samples, '1 silos')}"))
                rows.append(samples.row(held, WORK, name, "1 silos", LINEAR, against="one silo"))
    return rows
