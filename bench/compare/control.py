"""Registering, heartbeats, finding and watching, beside etcd."""

import base64
import json

import load
import mesh
import peers
from results import interleave, say
from stage import Invalid, fetch

CLIENTS = 64
# gRPC connections: etcd was fastest with two, of 1 to 64.
CHANNELS = 2
BATCH = 500
BATCH_CLIENTS = 4
FOUND = 100


def etcd_of(bench):
    return bench.once("etcd", lambda: peers.start_etcd(bench.stage))


def embedded_of(bench):
    return bench.once("embedded", lambda: mesh.start_embedded(bench.stage, "embedded gateway"))


def cluster_of(bench):
    """Two gateways of one silo, on a PostgreSQL."""
    return bench.once("cluster", lambda: mesh.start_cluster(bench.stage, mesh.start_postgres(bench.stage), 2))


class Names:
    """A prefix that was not used before, for each measurement."""

    def __init__(self, word):
        self.word, self.number = word, 0

    def next(self):
        self.number += 1
        return f"{self.word}{self.number}"


def registrations(bench):
    """Durable registrations, each of another worker, and puts of the same with a lease."""
    urls = {"embedded": embedded_of(bench).url, "PostgreSQL": cluster_of(bench)[0].url}
    etcd, names = etcd_of(bench), Names("reg")
    say(f"durable registrations, {CLIENTS} clients")

    def ours(url, seconds):
        return load.own("register", "--url", url, "--prefix", names.next(), "--clients", CLIENTS, "--seconds", seconds)

    def theirs(seconds):
        return load.own("etcd-put", "--url", etcd, "--prefix", names.next(), "--clients", CLIENTS, "--channels", CHANNELS,
                        "--seconds", seconds)

    for url in urls.values():
        bench.settle(lambda seconds, u=url: ours(u, seconds))
    bench.settle(theirs)
    samples = interleave(bench, {
        **{name: lambda url=url: ours(url, bench.seconds) for name, url in urls.items()}, "etcd": lambda: theirs(bench.seconds)})
    return [
        samples.row(f"durable registrations, {CLIENTS} clients, {name}", metric, name, "etcd", 1, at_least=at_least,
                    against="etcd put with a lease")
        for name in urls for metric, at_least in (("operations/s", True), ("p99 ms", False))]


def heartbeats(bench):
    """Heartbeats one by one and in batches, and keep-alives of as many leases on streams."""
    gateway, etcd = embedded_of(bench), etcd_of(bench)
    workers = BATCH * BATCH_CLIENTS
    load.own("fill", "--url", gateway.url, "--prefix", "beat", "--workers", workers, "--each", FOUND)
    say("heartbeats")

    def singly(seconds):
        return load.own("heartbeat", "--url", gateway.url, "--prefix", "beat", "--workers", workers, "--clients", CLIENTS,
                        "--seconds", seconds)

    def batches(seconds):
        return load.own("heartbeats", "--url", gateway.url, "--prefix", "beat", "--clients", BATCH_CLIENTS, "--batch", BATCH,
                        "--seconds", seconds)

    def theirs(seconds):
        return load.own("etcd-keepalive", "--url", etcd, "--workers", workers, "--clients", CLIENTS, "--channels", CHANNELS,
                        "--seconds", seconds)

    measures = {"one by one": singly, "batches": batches, "etcd": theirs}
    for measure in measures.values():
        bench.settle(measure)
    samples = interleave(bench, {name: lambda m=measure: m(bench.seconds) for name, measure in measures.items()})
    return [
        samples.row(work, "operations/s", name, "etcd", bar, against="etcd lease keep-alives")
        for work, name, bar in ((f"heartbeats one by one, {CLIENTS} clients", "one by one", 1),
                                (f"heartbeats in batches of {BATCH}, {BATCH_CLIENTS} clients", "batches", 5))]


def find(bench):
    """The workers of a service type at the gateway, and a range of as many keys and bytes. By h2load, which speaks to both."""
    gateway, etcd, stage = embedded_of(bench), etcd_of(bench), bench.stage
    load.own("fill", "--url", gateway.url, "--prefix", "find", "--workers", FOUND, "--each", FOUND)
    ours = f"{gateway.url}/api/services/find-0"
    length = len(fetch(ours)[1])
    # A key, its three revisions and the framing take some 40 bytes of an entry in etcd's answer.
    load.own("etcd-fill", "--url", etcd, "--prefix", "find", "--workers", FOUND, "--bytes", length // FOUND - 40)
    key, end = b"find/", b"find0"
    message = bytes([0x0A, len(key)]) + key + bytes([0x12, len(end)]) + end
    with open(stage.path("range.bin"), "wb") as file:
        file.write(b"\0" + len(message).to_bytes(4, "big") + message)
    say(f"find {FOUND} workers, {length} bytes")

    def look():
        if gateway.count("find-0") != FOUND:
            raise Invalid("the gateway does not know all workers")
        query = json.dumps({"key": base64.b64encode(key).decode(), "range_end": base64.b64encode(end).decode()}).encode()
        if json.loads(fetch(f"{etcd}/v3/kv/range", query)[1]).get("count") != str(FOUND):
            raise Invalid("etcd does not know all keys")

    def theirs(seconds):
        return load.h2load(
            f"{etcd}/etcdserverpb.KV/Range", CHANNELS, 32 // CHANNELS, seconds, name="h2load range",
            extra=("-d", stage.path("range.bin"), "-H", "content-type: application/grpc", "-H", "te: trailers"))

    def mine(seconds):
        return load.h2load(ours, 32, 0, seconds, name="h2load find")

    look()
    bench.settle(mine)
    bench.settle(theirs)
    samples = interleave(bench, {"gateway": lambda: mine(bench.seconds), "etcd": lambda: theirs(bench.seconds)})
    look()
    return [samples.row(f"find by service type, {FOUND} workers, 32 requests at once", "requests/s", "gateway", "etcd", 5,
                        against="etcd range of the same size")]


def watch(bench):
    """From the sending of a registration until a watcher in another process is told, and the same of a put."""
    embedded, cluster, etcd = embedded_of(bench), cluster_of(bench), etcd_of(bench)
    # Of 150 the p99 would be the second slowest, which is chance: in whole runs it was 0.9 to 1.6 times etcd's.
    names, count = Names("watch"), 200 * bench.seconds
    say(f"watching {count} registrations")

    def measure(prefix, write_to, read_from):
        name = names.next()
        with load.Background(f"{prefix}watch", "--url", read_from, "--service", name, "--count", count) as watcher:
            watcher.wait_until_ready()
            load.own(f"{prefix}announce", "--url", write_to, "--service", name, "--prefix", name, "--count", count)
            figures = watcher.figures()
        return {metric: figures[metric] for metric in ("p50 ms", "p99 ms")}

    measures = {
        "embedded": lambda: measure("", embedded.url, embedded.url),
        "PostgreSQL, at another gateway": lambda: measure("", cluster[0].url, cluster[1].url),
        "etcd": lambda: measure("etcd-", etcd, etcd),
    }
    for warm in measures.values():
        warm()
    samples = interleave(bench, measures)
    return [
        samples.row(f"a registration seen by a watcher in another process, {name}", metric, name, "etcd", 1, at_least=False,
                    against="etcd watch")
        for name in measures if name != "etcd" for metric in ("p50 ms", "p99 ms")]
