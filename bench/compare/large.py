"""Bodies of 1 GiB through the gateway and through nginx without buffering, by curl."""

import subprocess
import threading

import forwarding
import load
import mesh
import peers
from results import interleave, say
from stage import Invalid, listens

SIZE = 1 << 30
MIB = 1 << 20
GROWTH, GROWTH_BAR = "memory growth MiB, the most", 64
LIMIT = 120


class Peak:
    """The most memory that a program came to use meanwhile, beyond what it used before, in MiB."""

    def __init__(self, program, before):
        self.program, self.before, self.over, self.growth = program, before, threading.Event(), 0.0

    def __enter__(self):
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def sample(self):
        while not self.over.wait(0.02):
            self.growth = max(self.growth, (self.program.resident() - self.before) / MIB)


def curl(stage, name, *arguments):
    """Bytes a second of one transfer."""
    command = ["curl", "-sS", "-w", "%{http_code} %{time_total} %{size_download} %{size_upload}", *arguments]
    load.commands.setdefault(f"curl {name}", " ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        raise Invalid(f"curl: {done.stderr[-300:]}")
    status, seconds, down, up = done.stdout.split()
    if status != "200" or SIZE not in (int(down), int(up)):
        raise Invalid(f"curl: {status}, {down} bytes down, {up} up")
    return SIZE / MIB / float(seconds)


def start_sink(bench):
    """The worker that reads uploads. Returns its port."""
    port = bench.stage.port()
    bench.stage.start(
        "sink", [load.OWN, "sink", "--url", f"http://127.0.0.1:{port}"], lambda: listens(port), redact=(mesh.ROOT + "/",))
    return port


def bodies(bench):
    """1 GiB down and up."""
    stage = bench.stage
    systems = forwarding.start(bench, ["gateway", "nginx, buffering off"])
    gateway = forwarding.gateway_of(bench)
    sink = start_sink(bench)
    gateway.register("sink", sink, "sink")
    nginx = peers.start_nginx(stage, [sink], "nginx-upload", "off")[0]
    say("1 GiB down and up")

    def download(url):
        return {"MiB/s": curl(stage, "download", "-o", "/dev/null", f"{url}/large.bin")}

    def upload(url):
        answer = stage.path("uploaded")
        rate = curl(stage, "upload", "-o", answer, "-H", "Expect:", "-H", "Content-Type: application/octet-stream",
                    "-X", "POST", "-T", stage.path("large.bin"), url)
        with open(answer, encoding="ascii") as file:
            got = file.read()
        if got != str(SIZE):
            raise Invalid(f"the worker was sent {got} bytes")
        return {"MiB/s": rate}

    def watched(measure):
        with Peak(gateway.program, before) as peak:
            figures = measure()
        return {**figures, GROWTH: peak.growth}

    # Of a gateway that has served, and no large body yet.
    bench.settle(lambda seconds: load.wrk(f"{systems['gateway']}/", 32, seconds))
    before = gateway.program.resident()
    measures = {
        "download, gateway": lambda: watched(lambda: download(systems["gateway"])),
        "download, nginx": lambda: download(systems["nginx, buffering off"]),
        "upload, gateway": lambda: watched(lambda: upload(f"{gateway.url}/service/sink")),
        "upload, nginx": lambda: upload(f"http://127.0.0.1:{nginx}/"),
    }
    samples = interleave(bench, measures)
    rows = []
    for way in ("download", "upload"):
        ours, theirs = f"{way}, gateway", f"{way}, nginx"
        rows.append(samples.row(f"1 GiB {way}", "MiB/s", ours, theirs, 0.8, against="nginx, buffering off"))
        rows.append(samples.row(
            f"1 GiB {way}", GROWTH, ours, None, GROWTH_BAR, at_least=False, worst=True))
    return rows
