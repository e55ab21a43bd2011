"""The upstream worker and the proxies that the gateway is compared with, with the settings that their makers recommend for
throughput: connections to the worker kept alive, access logs off, as many threads as there are processors (the gateway's
runtime takes as many)."""

import os

from stage import answers, listens

ANSWER = "WorkerMesh bench: " + "a small answer of 128 bytes ".ljust(128 - 18 - 1, ".") + "\n"
WORKERS = 10
# Idle connections that a proxy keeps to the worker: more than it can come to need.
KEPT = 512
NGINX = "/usr/sbin/nginx"
HAPROXY = "/usr/sbin/haproxy"

NGINX_HEAD = """
{modules}
daemon off;
worker_processes auto;
worker_rlimit_nofile 65536;
pid {dir}/{name}.pid;
error_log {dir}/{name}.err error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  server_tokens off;
  tcp_nodelay on;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  client_body_temp_path {dir}/{name}-body;
  proxy_temp_path {dir}/{name}-proxy;
  fastcgi_temp_path {dir}/{name}-fastcgi;
  uwsgi_temp_path {dir}/{name}-uwsgi;
  scgi_temp_path {dir}/{name}-scgi;
"""


def _nginx(stage, name, body, port, modules=""):
    head = NGINX_HEAD.format(dir=stage.directory, name=name, modules=modules)
    file = stage.write(f"{name}.conf", head + body + "\n}\n")
    return stage.start(name, [NGINX, "-c", file, "-e", stage.path(f"{name}.err")], lambda: listens(port))


def start_upstream(stage):
    """One nginx behind all of them, on as many ports as there are workers: GET / is answered from memory, POST /post after
    the body was read, GET /large.bin with 1 GiB from the page cache. Returns the ports."""
    ports = [stage.port() for _ in range(WORKERS)]
    with open(stage.path("large.bin"), "wb") as large:
        large.truncate(1 << 30)
    listen = "\n".join(f"    listen 127.0.0.1:{port} reuseport backlog=4096;" for port in ports)
    answer = ANSWER.replace("\n", "\\n")
    _nginx(stage, "upstream", f"""
  server {{
{listen}
    root {stage.directory};
    default_type text/plain;
    location = / {{ return 200 "{answer}"; }}
    location = /post {{ echo_read_request_body; echo_exec /answer; }}
    location = /answer {{ return 200 "{answer}"; }}
    location = /large.bin {{ }}
  }}""", ports[0], "load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;")
    return ports


def start_nginx(stage, upstreams, name="nginx", buffering="on"):
    """nginx as the proxy. Returns its port and program."""
    port = stage.port()
    servers = "\n".join(f"    server 127.0.0.1:{upstream};" for upstream in upstreams)
    program = _nginx(stage, name, f"""
  upstream workers {{
{servers}
    keepalive {KEPT};
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
  }}
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location / {{
      proxy_pass http://workers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_buffering {buffering};
      proxy_request_buffering {buffering};
    }}
  }}""", port)
    return port, program


def start_haproxy(stage, upstreams):
    """haproxy as the proxy, a thread a processor. Returns its port and program."""
    port = stage.port()
    servers = "\n".join(f"  server w{i} 127.0.0.1:{upstream}" for i, upstream in enumerate(upstreams))
    file = stage.write("haproxy.cfg", f"""
global
  maxconn 8192
  nbthread {os.cpu_count()}
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
frontend proxy
  bind 127.0.0.1:{port}
  default_backend workers
backend workers
  balance roundrobin
{servers}
""")
    return port, stage.start("haproxy", [HAPROXY, "-db", "-q", "-f", file], lambda: listens(port))


def start_caddy(stage, upstreams):
    """caddy as the proxy. Returns its port and program."""
    port = stage.port()
    targets = " ".join(f"127.0.0.1:{upstream}" for upstream in upstreams)
    file = stage.write("Caddyfile", f"""
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  reverse_proxy {targets} {{
    transport http {{
      keepalive 3600s
      keepalive_idle_conns {KEPT * WORKERS}
      keepalive_idle_conns_per_host {KEPT}
    }}
  }}
}}
""")
    environment = {"HOME": stage.directory, "XDG_DATA_HOME": stage.directory, "XDG_CONFIG_HOME": stage.directory}
    return port, stage.start(
        "caddy", ["caddy", "run", "--config", file, "--adapter", "caddyfile"], lambda: listens(port), environment)


def start_etcd(stage):
    """One etcd, with its defaults: each put is on the disk before it is answered. Returns its address."""
    port, peers = stage.port(), stage.port()
    url, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    stage.start(
        "etcd", ["etcd", "--data-dir", stage.path("etcd-data"), "--listen-client-urls", url, "--advertise-client-urls", url,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                 "--logger", "zap", "--log-level", "error"], lambda: answers(f"{url}/health"))
    return url
