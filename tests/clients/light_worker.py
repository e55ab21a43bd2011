"""A worker that costs little: for tests that need a hundred. Answers as the C# one does, as far as those tests ask."""
import http.server
import json
import sys
import time


class Worker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer("application/json", json.dumps({"worker": NAME, "path": self.path}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/slow"):
            time.sleep(1.5)
        self.answer(self.headers.get("Content-Type", "text/plain"), body)

    def answer(self, content_type, body):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


NAME = sys.argv[1]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Worker)
server.daemon_threads = True
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
