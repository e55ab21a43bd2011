"""What makes a Python process a worker of the mesh: standard library only.

serve("text-stats", {"/stats": function}) listens on port 9000, registers under the container's name and renews its lease
until it is stopped. The functions take and return what JSON can say. call(service, path, body) asks another worker.
"""

import http.client
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MESH = os.environ.get("MESH_URL", "http://127.0.0.1:8080").rstrip("/")
# The name by which Docker's networks resolve this container, unique also where the service is scaled.
HOST = socket.gethostname()
PORT = 9000
RETRY_SECONDS = 0.5
TIMEOUT_SECONDS = 10
# No answer, or one that ends too soon.
NOT_REACHED = (OSError, http.client.HTTPException)

# The mesh is inside: no proxy that the environment names leads there.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None):
    """The status and the JSON of the answer; raises one of NOT_REACHED where there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read() or b"null")


def call(service, path, body):
    """Another worker's answer, through the mesh."""
    status, answer = ask("POST", f"{MESH}/service/{service}{path}", body)
    if status != 200:
        raise OSError(f"{service} answered {status}: {answer}")
    return answer


def keep_registered(service, stopping):
    """Registers until it is told yes, then renews; registers again where the mesh does not know this worker.

    What failed is tried again soon: the lease runs on meanwhile, and a call that failed may have taken most of it.
    """
    url = f"{MESH}/api/workers/{service}-{HOST}"
    registration = {"url": f"http://{HOST}:{PORT}", "services": [service], "health": {"path": "/health"}}
    registered, interval, pause = False, RETRY_SECONDS, 0
    while not stopping.wait(pause):
        try:
            if registered:
                status, _ = ask("POST", url + "/heartbeat", {"status": "healthy"})
                registered = status not in (404, 409)
                pause = interval if status == 200 else RETRY_SECONDS
            else:
                status, answer = ask("PUT", url, registration)
                registered = status in (200, 201)
                interval = answer["heartbeat_seconds"] if registered else interval
                pause = interval if registered else RETRY_SECONDS
                print(f"registered as {answer['worker_id']}" if registered else f"not registered: {status} {answer}")
        except NOT_REACHED as error:
            print(f"the mesh was not reached: {error}")
            pause = RETRY_SECONDS
    try:
        ask("DELETE", url)
    except NOT_REACHED as error:
        print(f"not unregistered: {error}")


def serve(service, functions):
    """Runs the worker until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: without this the second waits for the client's acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self):
            self.answer(200 if self.path == "/health" else 404, {"status": "healthy"})

        def do_POST(self):
            body = self.body()
            function = functions.get(self.path)
            if function is None:
                self.answer(404, {"error": f"one of {', '.join(functions)}"})
                return
            try:
                self.answer(200, {"worker": HOST, **function(json.loads(body))})
            except (ValueError, KeyError, TypeError) as error:
                self.answer(400, {"error": str(error)})
            except NOT_REACHED as error:
                self.answer(502, {"error": str(error)})

        def body(self):
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)

        def answer(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    keep_registered(service, stopping)
