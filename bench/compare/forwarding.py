"""Requests through the gateway, and through the programs people would use instead."""

import load
import mesh
import peers
from results import interleave, say

ANSWER = peers.ANSWER.encode()


def upstreams_of(bench):
    """The worker's ports."""
    return bench.once("upstream", lambda: peers.start_upstream(bench.stage))


def gateway_of(bench):
    """A gateway with ten registrations of the worker."""
    def start_gateway():
        gateway = mesh.start_embedded(bench.stage)
        for number, port in enumerate(upstreams_of(bench)):
            gateway.register(f"bench-{number}", port, "bench")
        return gateway

    return bench.once("gateway", start_gateway)


def start(bench, chosen):
    """The worker, the gateway and the peers. Returns each one's address by its name."""
    stage, ports = bench.stage, upstreams_of(bench)
    starts = {
        "gateway": lambda: f"{gateway_of(bench).url}/service/bench",
        "bare YARP": lambda: mesh.start_bare_yarp(stage, ports[0])[0],
        "caddy": lambda: peers.start_caddy(stage, ports)[0],
        "nginx": lambda: peers.start_nginx(stage, ports)[0],
        "haproxy": lambda: peers.start_haproxy(stage, ports)[0],
        "nginx, buffering off": lambda: peers.start_nginx(stage, ports, "nginx-unbuffered", "off")[0],
    }
    found = {name: bench.once(f"forward to {name}", starts[name]) for name in chosen}
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
            bench.settle(lambda seconds, u=url: load.wrk(f"{u}/", connections, seconds))
        samples = interleave(bench, {
            name: lambda url=url: checked(
                f"{url}/", None, lambda: load.wrk(f"{url}/", connections, bench.seconds))
            for name, url in systems.items()})
        work = f"small GET, 10 workers, {connections} connections"
        for peer, metric, bar, at_least, goal in (
                ("bare YARP", "requests/s", 0.95, True, None), ("bare YARP", "p99 ms", 1.1, False, None),
                ("caddy", "requests/s", 2, True, None), ("nginx", "requests/s", 0.75, True, 1.0),
                ("haproxy", "requests/s", 0.75, True, 1.0)):
            rows.append(samples.row(work, metric, "gateway", peer, bar, at_least=at_least, goal=goal))
    return rows


def post(bench):
    """POSTs of 1 and 64 KiB, whose bodies the worker reads before it answers."""
    systems = start(bench, ["gateway", "nginx"])
    rows = []
    for size in (1, 64):
        for connections in (32, 256):
            say(f"{size} KiB POST, {connections} connections")
            for url in systems.values():
                bench.settle(lambda seconds, u=url: load.wrk(f"{u}/post", connections, seconds, "POST", size << 10))
            samples = interleave(bench, {
                name: lambda url=url: checked(
                    f"{url}/post", b"x" * (size << 10),
                    lambda: load.wrk(f"{url}/post", connections, bench.seconds, "POST", size << 10))
                for name, url in systems.items()})
            rows.append(samples.row(f"{size} KiB POST, 10 workers, {connections} connections", "requests/s", "gateway", "nginx", 0.75))
    return rows
