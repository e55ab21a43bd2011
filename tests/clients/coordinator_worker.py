"""A worker that speaks the coordinator's protocol, as the workers of the first system do.

It registers by capability only, and once: after that it only sends heartbeats, whatever they are answered. It serves
POST /service/{type} and GET /health, and on GET /call?service=X&n=5 it finds workers of X at the coordinator and posts to
them itself, worker to worker. Each event is one line on standard output.

Standard library only, Python 3.9 or later.
"""

import argparse
import itertools
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_SECONDS = 10
RETRY_SECONDS = 0.5

# Workers are called on the addresses they give, whatever proxy the environment names.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def say(text):
    print(text, flush=True)


def call(method, url, body=None):
    """The status and the JSON of the answer; raises OSError where there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read() or b"null")


class Worker:
    def __init__(self, coordinator, worker_id, capabilities):
        self.coordinator = coordinator.rstrip("/")
        self.worker_id = worker_id
        self.capabilities = capabilities
        self.active_requests = 0
        self.lock = threading.Lock()

    def register(self, tunnel_url):
        """Until the coordinator takes it; what it refuses for good ends the worker."""
        body = {"worker_id": self.worker_id, "tunnel_url": tunnel_url, "capabilities": self.capabilities}
        while True:
            try:
                status, answer = call("POST", f"{self.coordinator}/api/worker/register", body)
            except OSError as error:
                say(f"not registered: {error}")
            else:
                if status == 200:
                    say(f"registered {json.dumps(answer['assigned_services'])}")
                    return
                say(f"not registered: {status} {answer.get('detail')}")
                if status < 500:
                    raise SystemExit(1)
            time.sleep(RETRY_SECONDS)

    def heartbeat(self, number):
        body = {
            "worker_id": self.worker_id,
            "status": "healthy",
            "current_load": self.active_requests / 10,
            "active_requests": self.active_requests,
            "loaded_models": [],
            "services_status": {},
        }
        try:
            status, _ = call("POST", f"{self.coordinator}/api/worker/heartbeat", body)
            say(f"heartbeat {status} ({number})")
        except OSError as error:
            say(f"heartbeat failed ({number}): {error}")

    def call_others(self, service, count):
        """Posts to the service's workers in turn; the answer says what each said, and why none was asked."""
        status, found = call("GET", f"{self.coordinator}/api/services/discover/{service}")
        if status != 200:
            return {"found": [], "status": status, "detail": found["detail"], "answers": []}
        answers = []
        for number in range(count):
            worker = found["workers"][number % found["count"]]
            try:
                code, answer = call("POST", f"{worker['tunnel_url']}/service/{service}", {"n": number})
                answers.append({"status": code, "answer": answer})
            except OSError as error:
                answers.append({"status": None, "answer": str(error)})
        return {"found": [w["worker_id"] for w in found["workers"]], "status": status, "answers": answers}


class Handler(BaseHTTPRequestHandler):
    worker = None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/health":
            self.answer(200, {"status": "healthy", "worker_id": self.worker.worker_id})
        elif url.path == "/call":
            try:
                said = self.worker.call_others(query["service"][0], int(query.get("n", ["1"])[0]))
            except OSError as error:
                self.answer(502, {"detail": str(error)})
            else:
                self.answer(200, said)
        else:
            self.answer(404, {"detail": "Not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        if not self.path.startswith("/service/"):
            self.answer(404, {"detail": "Not found"})
            return
        with self.worker.lock:
            self.worker.active_requests += 1
        try:
            service = urllib.parse.urlsplit(self.path).path[len("/service/"):]
            self.answer(200, {"worker_id": self.worker.worker_id, "service": service, "echo": body})
        finally:
            with self.worker.lock:
                self.worker.active_requests -= 1

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coordinator", required=True, help="base URL of the coordinator")
    parser.add_argument("--id", required=True)
    parser.add_argument("--capabilities", required=True, type=json.loads, help="a JSON object")
    parser.add_argument("--heartbeat", type=float, default=1.0, help="seconds between heartbeats")
    arguments = parser.parse_args()

    worker = Worker(arguments.coordinator, arguments.id, arguments.capabilities)
    Handler.worker = worker
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    say(f"listening on {url}")
    worker.register(url)
    for number in itertools.count(1):
        time.sleep(arguments.heartbeat)
        worker.heartbeat(number)


if __name__ == "__main__":
    main()
