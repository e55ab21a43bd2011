"""Requests through the gateway, and through the programs people would use instead."""

import load
import mesh
import peers
from results import Row, interleave, say

ANSWER = peers.ANSWER.encode()


def start(bench, only=None):
    """The worker, the gateway with ten registrations of it, and the peers. Returns each one's address by its name."""
    stage = bench.stage
    ports = bench.once("upstream", lambda: peers.start_upstream(stage))

    def gateway():
        started = mesh.start_embedded(stage)
        for number, port in enumerate(ports):
            started.register(f"bench-{number}", port, "bench")
        return started

    starts = {
        "gateway": lambda: f"{bench.once('gateway', gateway).url}/service/bench",
        "bare YARP": lambda: mesh.start_bare_yarp(stage, ports[0])[0],
        "caddy": lambda: peers.start_caddy(stage, ports)[0],
        "nginx": lambda: peers.start_nginx(stage, ports)[0],
        "haproxy": lambda: peers.start_haproxy(stage, ports)[0],
        "nginx, buffering off": lambda: peers.start_nginx(stage, ports, "nginx-unbuffered", "off")[0],
    }
    found = {name: bench.once(f"forward to {name}", starts[name]) for name in only or starts}
    return {name: at if isinstance(at, str) else f"http://127.0.0.1:{at}" for name, at in found.items()}


def checked(url, body, measure):
    """Measures between two requests whose answers are looked at: the load generator counts statuses, not bodies."""
    load.expect(url, body, ANSWER)
    figures = measure()
    load.expect(url, body, ANSWER)
    return figures


def small_get(bench):
    """Small GETs at 32 and 256 connections."""
    systems = start(bench, ["gateway", "bare YARP", "caddy", "nginx", "haproxy"])
    rows = []
    for connections in (32, 256):
        say(f"small GET, {connections} connections")
        for url in systems.values():
            load.wrk(f"{url}/", connections, bench.warm_up)
        samples = interleave(bench.rounds, {
            name: lambda url=url: checked(
                f"{url}/", None, lambda: load.wrk(f"{url}/", connections, bench.seconds))
            for name, url in systems.items()})
        work = f"small GET, 10 workers, {connections} connections"
        for peer, metric, bar, at_least, goal in (
                ("bare YARP", "requests/s", 0.95, True, None), ("bare YARP", "p99 ms", 1.1, False, None),
                ("caddy", "requests/s", 2, True, None), ("nginx", "requests/s", 0.75, True, 1.0),
                ("haproxy", "requests/s", 0.75, True, 1.0)):
            rows.append(Row(work, metric, peer, samples.of("gateway", metric), samples.of(peer, metric), bar, at_least, goal,
                            samples.faults_of("gateway", peer)))
    return rows


def post(bench):
    """POSTs of 1 and 64 KiB, whose bodies the worker reads before it answers."""
    systems = start(bench, ["gateway", "nginx"])
    rows = []
    for size in (1, 64):
        for connections in (32, 256):
            say(f"{size} KiB POST, {connections} connections")
            for url in systems.values():
                load.wrk(f"{url}/post", connections, bench.warm_up, "POST", size << 10)
            samples = interleave(bench.rounds, {
                name: lambda url=url: checked(
                    f"{url}/post", b"x" * (size << 10),
                    lambda: load.wrk(f"{url}/post", connections, bench.seconds, "POST", size << 10))
                for name, url in systems.items()})
            rows.append(Row(
                f"{size} KiB POST, 10 workers, {connections} connections", "requests/s", "nginx",
                samples.of("gateway", "requests/s"), samples.of("nginx", "requests/s"), 0.75, goal=None,
                faults=samples.faults_of("gateway", "nginx")))
    return rows
