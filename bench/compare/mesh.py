"""WorkerMesh's own programs, built in Release."""

import glob
import json
import os
import shutil

from stage import POSTGRES_USER, Invalid, answers, fetch, listens

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
# What the gateway does by default with sockets and threads (docs/decisions/0012-sockets-and-threads.md), for bare YARP.
LIKE_THE_GATEWAY = {
    "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit": "0",
    "Sockets__UnsafePreferInlineScheduling": "true",
}
HOUR = 3600


def binary(project, name):
    """The path of a built program."""
    return os.path.join(ROOT, "artifacts", "bin", project, "release", f"WorkerMesh.{name}")


class Gateway:
    """A gateway process and its API."""

    def __init__(self, program, port):
        self.program, self.port, self.url = program, port, f"http://127.0.0.1:{port}"

    def register(self, worker, upstream, service):
        """Registers a worker for an hour, without a check of whether it can be reached."""
        body = {"url": f"http://127.0.0.1:{upstream}", "services": [service], "lease_seconds": HOUR}
        status, answer = fetch(f"{self.url}/api/workers/{worker}?check=false", json.dumps(body).encode(), "PUT")
        if status not in (200, 201):
            raise Invalid(f"registering {worker}: {status} {answer[:200]!r}")

    def count(self, service):
        """How many workers of a service type the gateway knows."""
        status, answer = fetch(f"{self.url}/api/services/{service}")
        return json.loads(answer)["count"] if status == 200 else 0


def start_embedded(stage, name="gateway"):
    """A gateway with a silo of its own: registrations in a SQLite file of the stage's directory."""
    port, data = stage.port(), stage.path(f"{name}-data")
    program = stage.start(
        name, [binary("Gateway", "Gateway"), "--urls", f"http://127.0.0.1:{port}"],
        lambda: answers(f"http://127.0.0.1:{port}/health/ready"),
        {"Mesh__DataDirectory": data}, redact=(ROOT + "/",))
    return Gateway(program, port)


def start_postgres(stage, name="postgres"):
    """A PostgreSQL with its defaults, which are durable; returns a connection string."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise Invalid("PostgreSQL's server programs are not there")
    data, port = stage.path(f"{name}-data"), stage.port()
    os.mkdir(data, 0o700)
    if os.geteuid() == 0:
        shutil.chown(data, POSTGRES_USER, POSTGRES_USER)
    stage.run([f"{found[-1]}/initdb", "-D", data, "-A", "trust", "-U", "mesh", "-E", "UTF8", "--locale=C"], POSTGRES_USER)
    stage.start(
        name, [f"{found[-1]}/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
               "-c", f"unix_socket_directories={data}", "-c", "max_connections=300"],
        lambda: listens(port), user=POSTGRES_USER)
    return f"Host=127.0.0.1;Port={port};Database=postgres;Username=mesh"


def start_cluster(stage, database, gateways=1):
    """A silo and gateways of a cluster on a database."""
    cluster = {"ConnectionStrings__Cluster": database}
    silo, clients = stage.port(), stage.port()
    stage.start("silo", [binary("Silo", "Silo")], lambda: listens(clients), {
        **cluster, "Silo__SiloPort": str(silo), "Silo__GatewayPort": str(clients), "Silo__AdvertisedAddress": "127.0.0.1"},
        redact=(ROOT + "/",))
    return [start_cluster_gateway(stage, database, f"cluster gateway {number + 1}") for number in range(gateways)]


def start_cluster_gateway(stage, database, name, more=None):
    """A gateway of a cluster."""
    port = stage.port()
    program = stage.start(
        name, [binary("Gateway", "Gateway"), "--urls", f"http://127.0.0.1:{port}"],
        lambda: answers(f"http://127.0.0.1:{port}/health/ready"),
        {"ConnectionStrings__Cluster": database, **(more or {})}, redact=(ROOT + "/",), limit=120)
    return Gateway(program, port)


def start_bare_yarp(stage, upstream):
    """YARP with one fixed destination. Returns its port and program."""
    port = stage.port()
    program = stage.start(
        "yarp", [binary("BareYarp", "BareYarp"), "--urls", f"http://127.0.0.1:{port}",
                 "--destination", f"http://127.0.0.1:{upstream}"], lambda: listens(port), LIKE_THE_GATEWAY,
        redact=(ROOT + "/",))
    return port, program
