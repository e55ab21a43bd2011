"""Where programs run while they are measured: a temporary directory, free loopback ports, processes that end with it."""

import ctypes
import glob
import os
import pwd
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# As the kernel shows the names of threads, 15 characters of them.
COMPILER = ".NET Tiered Com"
# The user whom PostgreSQL runs as where we are root: it refuses to run as root.
POSTGRES_USER = "postgres"


class Invalid(Exception):
    """A measurement that says nothing: an error in it, or a wrong answer."""


def ticks_of(stat):
    """Processor time, user and system, that a process or thread has used, by its line of /proc."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def busy_seconds():
    """Processor time that this machine has used since it started: all but idle and waiting for the disk."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def own_seconds():
    """What of it this process used, and those of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Program:
    """A process of its own process group, and its children."""

    def __init__(self, name, process, log):
        self.name, self.process, self.log = name, process, log
        # Processes of it that are children of another, as those of a container are.
        self.elsewhere = []

    def pids(self):
        """Its id and those of all its descendants."""
        found, parents = [self.process.pid, *self.elsewhere], {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                        parents.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(entry))
                except OSError:
                    pass
        for pid in found:
            found.extend(parents.get(pid, []))
        return found

    def cpu_seconds(self):
        """Processor time used so far, user and system, by the process and its children."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    total += ticks_of(file.read())
            except OSError:
                pass
        return total / TICKS

    def compiling_seconds(self):
        """What of it .NET's compilation in the background used, of threads that are there."""
        total = 0
        for pid in self.pids():
            for task in glob.glob(f"/proc/{pid}/task/*/stat"):
                try:
                    with open(task, encoding="ascii", errors="replace") as file:
                        stat = file.read()
                except OSError:
                    continue
                if f"({COMPILER})" in stat:
                    total += ticks_of(stat)
        return total / TICKS

    def resident(self):
        """Bytes of memory in use by the process and its children."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                    total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))
            except OSError:
                pass
        return total

    def stop(self):
        """In order for 5 s, then killed, and all its children."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Stage:
    """Starts programs and ends them all with itself, the last one first."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="mesh-bench-")
        os.chmod(self.directory, 0o755)
        self.programs = []
        self.commands, self.configurations = {}, {}
        self.given = set()
        self.endings = []

    def at_end(self, end):
        """Has a function called when the stage ends, before what was started is stopped."""
        self.endings.append(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in reversed(self.endings):
            end()
        for program in reversed(self.programs):
            program.stop()
        self.programs.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def used_by_others(self, measure):
        """What a measurement returns, and how many processors programs that are not ours used meanwhile."""
        def others():
            return busy_seconds() - own_seconds() - sum(program.cpu_seconds() for program in self.programs)

        begun, before = time.monotonic(), others()
        figures = measure()
        return figures, max(0.0, (others() - before) / (time.monotonic() - begun))

    def compiling_seconds(self):
        """What all programs' compilers have used so far."""
        return sum(program.compiling_seconds() for program in self.programs)

    def path(self, *parts):
        """A path in the temporary directory."""
        return os.path.join(self.directory, *parts)

    def write(self, name, text):
        """A configuration in the temporary directory; returns its path."""
        self.configurations[name] = text.replace(self.directory, "$DIR")
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def port(self):
        """A port of the loopback that nobody has, below those that outgoing connections are given."""
        while True:
            port = random.randrange(20000, 32000)
            if port in self.given:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            self.given.add(port)
            return port

    def start(self, name, command, ready, environment=None, user=None, limit=60, redact=()):
        """Starts a program and waits until ready() is true. What it says goes to a log in the directory."""
        log = self.path(f"{name}.log")
        said = " ".join([*(f"{key}={value}" for key, value in (environment or {}).items()), *command])
        for secret in (self.directory, *redact):
            said = said.replace(secret, "$DIR" if secret == self.directory else "")
        self.commands[name] = said
        extra = as_user(user)
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self.directory,
                env={**os.environ, **(environment or {})}, start_new_session=True,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **extra)
        program = Program(name, process, log)
        self.programs.append(program)
        end = time.monotonic() + limit
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                with open(log, encoding="utf-8", errors="replace") as file:
                    raise Invalid(f"{name} does not start: {file.read()[-2000:]}")
            time.sleep(0.1)
        return program

    def run(self, command, user=None):
        """Runs a program to its end."""
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self.directory, check=False, **as_user(user))
        if done.returncode != 0:
            raise Invalid(f"{command[0]} ended with {done.returncode}: {done.stderr[-1000:]}")
        return done.stdout

    def stop(self, program):
        """Ends one program before the others."""
        program.stop()
        self.programs.remove(program)


def as_user(name):
    """What has a child run as that user, where we are root."""
    if not name or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def listens(port):
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def fetch(url, body=None, method=None, limit=30):
    """The status and body of an answer; 0 where there is none."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=limit) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def answers(url):
    """Whether a GET is answered with success."""
    return fetch(url, limit=2)[0] == 200
