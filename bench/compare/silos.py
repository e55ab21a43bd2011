"""The control plane at one, two and four silos, each held to a quarter of a processor by the container engine."""

import os
import subprocess

import load
import mesh
from control import Names
from results import Skipped, interleave, say
from stage import Invalid, listens

SIZES = (1, 2, 4)
PROCESSORS = "0.25"
LINEAR = 0.8
IMAGE = "workermesh-silo"
CLIENTS = 64
BATCH, BATCH_CLIENTS = 250, 8
# Seconds: a silo compiles its hot paths on a quarter of a processor. What comes first takes longer.
FIRST_WARM_UP, WARM_UP = 20, 5
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
        name, ["docker", "run", "--rm", "--init", "--name", container, "--network", "host", "--cpus", PROCESSORS, "--user", "0",
               "-v", f"{os.path.join(mesh.ROOT, 'artifacts/bin/Silo/release')}:/mesh:ro", "--entrypoint", "dotnet",
               *(part for key, value in environment.items() for part in ("-e", f"{key}={value}")), IMAGE, "/mesh/WorkerMesh.Silo.dll"],
        lambda: listens(clients), limit=120, redact=(mesh.ROOT + "/",))
    program.elsewhere.append(int(stage.run(["docker", "inspect", "-f", "{{.State.Pid}}", container])))


def start_cluster(stage, size):
    """A cluster of so many silos, and its gateway."""
    say(f"starting {size} silos at {PROCESSORS} processors each")
    server = mesh.start_postgres(stage, f"postgres of {size}")
    for number in range(size):
        start_silo(stage, f"silo {number + 1} of {size}", server)
    return mesh.start_cluster_gateway(stage, server, f"gateway of {size}")


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
    gateways = {size: start_cluster(stage, size) for size in SIZES}
    workers = BATCH * BATCH_CLIENTS
    for gateway in gateways.values():
        patiently(lambda url=gateway.url: load.own(
            "fill", "--url", url, "--prefix", "beat", "--workers", workers, "--each", workers // 64, "--clients", 8, limit=300))

    def register(size, seconds):
        return load.own("register", "--url", gateways[size].url, "--prefix", names.next(), "--clients", CLIENTS, "--seconds", seconds)

    def beat(size, seconds):
        return load.own("heartbeats", "--url", gateways[size].url, "--prefix", "beat", "--clients", BATCH_CLIENTS, "--batch", BATCH,
                        "--seconds", seconds)

    rows = []
    for work, measure, warm_up in (("registrations", register, FIRST_WARM_UP), (f"heartbeats in batches of {BATCH}", beat, WARM_UP)):
        say(f"{work} at {SIZES} silos")
        for size in SIZES:
            patiently(lambda s=size: measure(s, warm_up))
        samples = interleave(bench, {f"{size} silos": lambda s=size: measure(s, bench.seconds) for size in SIZES})
        for size in SIZES[1:]:
            rows.append(samples.row(
                f"{work}, {size} silos, each held to {PROCESSORS} processors", "operations/s", f"{size} silos", "1 silos", LINEAR * size,
                against="one silo"))
    return rows
