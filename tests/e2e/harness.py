# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the real program, a real Kafka, an independent consumer (kcat), bounded waits.

Every process started here is ended here, whatever happens. Paths come from the environment (set by ctest):
PENSTOCK (the program), PENSTOCK_LOAD (the load generator), PENSTOCK_PRELOAD_DISK (the faulty disk), PENSTOCK_PRELOAD_CLOCK (the wrong clock), PENSTOCK_SOURCE (the repository).
"""
import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = os.environ.get("PENSTOCK_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAM = os.environ.get("PENSTOCK", os.path.join(SOURCE, "build/dev/penstock"))
LOAD = os.environ.get("PENSTOCK_LOAD", os.path.join(SOURCE, "build/dev/penstock_load"))
PRELOAD_DISK = os.environ.get("PENSTOCK_PRELOAD_DISK", os.path.join(SOURCE, "build/dev/libpreload_disk.so"))
PRELOAD_CLOCK = os.environ.get("PENSTOCK_PRELOAD_CLOCK", os.path.join(SOURCE, "build/dev/libpreload_clock.so"))
KAFKA_SH = os.path.join(SOURCE, "tests/support/kafka.sh")

_started = []
_directories = []
_t0 = time.time()


def say(text):
    print(f"[{time.time() - _t0:6.1f} s] {text}", flush=True)


def fail(text):
    say("FAILED: " + text)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def seed_from_environment():
    seed = int(os.environ.get("PENSTOCK_SEED", random.randrange(1 << 30)))
    say(f"seed {seed} (PENSTOCK_SEED={seed} repeats it)")
    return random.Random(seed)


def temporary_directory():
    path = tempfile.mkdtemp(prefix="penstock-e2e-")
    _directories.append(path)
    return path


def free_port(neighbours=1):
    """A port that is free now, with its neighbours above it. Not from the range that the kernel gives to outgoing connections:
    a server that goes away and comes back would find its port taken by one of those."""
    for _ in range(200):
        port = random.randrange(15000, 32000)
        try:
            for i in range(neighbours):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port + i))
            return port
        except OSError:
            continue
    fail(f"no {neighbours} free ports")


def wait_until(condition, seconds, what, every=0.05):
    end = time.time() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.time() > end:
            fail(f"waited {seconds} s in vain until {what() if callable(what) else what}")
        time.sleep(every)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Agent:
    """The program under test; start() and kill() as often as a test likes, always on the same spool."""

    def __init__(self, directory, bootstrap, extra="", spool_extra="", kafka_extra=""):
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.log_path = os.path.join(directory, "agent.log")
        self.config = os.path.join(directory, "penstock.yaml")
        self.command = [PROGRAM, "run", "--config", self.config]
        self.environment = None
        with open(self.config, "w") as f:
            f.write(f"""spool:
  path: {directory}/spool
  create: true
  min_free: 16MiB
{spool_extra}
listen:
  http: ["127.0.0.1:{self.port}", "unix:{directory}/http.sock"]
kafka:
  bootstrap.servers: {bootstrap}
{kafka_extra}
{extra}
""")

    def start(self, wait=True):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, env=self.environment)
        _started.append(self.process)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=10):
        def answered():
            if self.process.poll() is not None:
                fail(f"the agent ended with {self.process.returncode}:\n{self.log_tail()}")
            return self.get("/readyz")[0] == 200
        wait_until(answered, seconds, "the agent is ready", every=0.01)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=20):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            fail(f"the agent did not stop in {seconds} s:\n{self.log_tail()}")
        check(code == 0, f"the agent stopped with {code}:\n{self.log_tail()}")

    def set_clock(self, seconds):
        """From the next start on its wall clock begins there, in seconds since 1970; None: the right time again."""
        self.environment = None if seconds is None else dict(os.environ, LD_PRELOAD=PRELOAD_CLOCK,
                                                             PENSTOCK_CLOCK_SHIFT_S=str(int(seconds - time.time())))

    def alive(self):
        return self.process.poll() is None

    def request(self, method, path, body=None, headers=None, timeout=15):
        """Status, headers and body; status 0 when nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()
        except (urllib.error.URLError, OSError):
            return 0, {}, b""

    def get(self, path):
        status, _, body = self.request("GET", path, timeout=5)
        return status, body

    def post(self, topic, body, content_type=None, query=""):
        headers = {"Content-Type": content_type} if content_type else {"Content-Type": "application/octet-stream"}
        return self.request("POST", f"/topics/{topic}{query}", body, headers)

    def status(self):
        code, body = self.get("/status")
        return json.loads(body) if code == 200 else None

    def books_balance(self):
        s = self.status()
        return s and not s["counting"] and s["accepted"] == s["delivered"] + s["pending"] + s["dead_lettered"] + s["lost"] and s

    def wait_drained(self, seconds):
        """Everything is delivered, and what a client left behind when it went has been taken in too. Returns the books."""
        last = {"accepted": -1, "since": 0}

        def drained():
            s = self.status()
            if not s or s["pending"] or s["counting"] or s["spool"]["queued_bytes"]:
                return None
            if s["accepted"] != last["accepted"]:
                last.update(accepted=s["accepted"], since=time.time())
            return time.time() - last["since"] > 0.5 and s
        wait_until(drained, seconds, lambda: f"everything is delivered: {json.dumps(self.status())}\n{self.log_tail()}")
        return wait_until(self.books_balance, 10, "the books balance")

    def rss_peak_mib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024

    def log_text(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def log_tail(self, lines=25):
        with open(self.log_path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])


class FaultyDisk:
    """The agent's disk behind tests/support/preload_disk.c: power cuts and errors on command."""

    def __init__(self, agent):
        self.agent = agent
        self.fifo = os.path.join(agent.directory, "disk-commands")
        os.mkfifo(self.fifo)
        agent.environment = dict(os.environ, LD_PRELOAD=PRELOAD_DISK, PENSTOCK_DISK_COMMANDS=self.fifo,
                                 PENSTOCK_DISK_ROOT=os.path.join(agent.directory, "spool"))

    def tell(self, command):
        with open(self.fifo, "w") as f:   # waits until the agent has it open
            f.write(command + "\n")

    def cut_power(self):
        self.tell("cut")
        code = self.agent.process.wait(30)
        check(code == 137, f"the power cut ended the agent with {code}:\n{self.agent.log_tail()}")


def foreign_kafka():
    """The address of a broker that runs already and is meant for many tests, or None."""
    if os.environ.get("PENSTOCK_TEST_KAFKA"):
        return os.environ["PENSTOCK_TEST_KAFKA"]
    path = os.environ.get("PENSTOCK_TEST_KAFKA_FILE")
    if path:
        with open(path) as f:
            return f.read()
    return None


class Kafka:
    """A real Apache Kafka (KRaft, one node) with a data directory of its own. A shared one may be
    somebody else's that runs already (PENSTOCK_TEST_KAFKA, or the address in the file that
    PENSTOCK_TEST_KAFKA_FILE names): it is never stopped, and topic() tells its topics apart."""

    def __init__(self, directory=None, shared=False, before=(), version=None):
        self.before = before       # such as nice
        self.settings = {"KAFKA_VERSION": version} if version else {}   # beside those in the environment
        self.foreign = foreign_kafka() if shared else None
        if self.foreign:
            self.bootstrap = self.foreign
            self.running = False
            return
        self.directory = directory or os.path.join(temporary_directory(), "kafka")
        self.port = free_port(2)   # its listener and its controller
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.running = False
        atexit.register(self.kill)

    def _run(self, *words, check_code=True):
        done = subprocess.run([*self.before, "sh", KAFKA_SH, *words], cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180,
                              env={**os.environ, **self.settings})
        if check_code and done.returncode != 0:
            fail(f"kafka.sh {' '.join(words)}: {done.stdout.decode(errors='replace')}")

    def start(self):
        if self.foreign:
            return
        self._run("start", self.directory, str(self.port))
        self.running = True
        say(f"Kafka runs on {self.bootstrap}")

    def stop(self):
        self._run("stop", self.directory)
        self.running = False

    @staticmethod
    def topic(name):
        return f"{name}-{os.getpid()}"

    def kill(self):
        if self.running:
            self._run("kill", self.directory, check_code=False)
            self.running = False


def consume(bootstrap, topic, form="%p\t%o\t%T\t%k\t%s\n", timeout=120, isolation="read_committed"):
    """Everything in a topic, read by kcat: a list of (partition, offset, timestamp, key, value) with the default format."""
    done = subprocess.run(["kcat", "-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", form,
                           "-X", f"isolation.level={isolation}", "-X", "check.crcs=true"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    check(done.returncode == 0, f"kcat: {done.stderr.decode(errors='replace')[-500:]}")
    rows = [line.split("\t") for line in done.stdout.decode(errors="surrogateescape").split("\n") if line]
    return [(int(r[0]), int(r[1]), int(r[2]), r[3], "\t".join(r[4:])) for r in rows] if form.count("\t") == 4 else rows


def load(agent, **options):
    """Starts the load generator; options become its arguments."""
    words = [LOAD, "--port", str(agent.port)]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    _started.append(process)
    return process


def load_result(process, timeout=120):
    out, _ = process.communicate(timeout=timeout)
    check(process.returncode == 0, f"the load generator ended with {process.returncode}")
    return json.loads(out)


class Record:
    """What the load generator saw: which events were acknowledged, and which were never answered."""

    def __init__(self, path, sender):
        self.acknowledged, self.unknown = {}, {}   # event name -> (topic, key)
        self.names = {}                            # event id, from the receipt -> event name
        with open(path) as f:
            for line in f:
                what, topic, key, connection, first, count, *first_id = line.split()
                target = self.acknowledged if what == "A" else self.unknown
                for i in range(int(count)):
                    name = f"{sender}-{connection}-{int(first) + i}"
                    target[name] = (topic, "" if key == "-" else key)
                    if first_id:
                        self.names[int(first_id[0]) + i] = name


def event_name(value):
    """"<sender>-<connection>-<number>" at the start of a value."""
    return "-".join(value.split("-", 3)[:3])


def check_delivery(rows, record, label):
    """No acknowledged event missing, nothing that nobody sent, order per key once repeats are left out. Returns the repeats."""
    seen, repeats, last_number = set(), 0, {}
    for _, _, _, key, value in sorted(rows, key=lambda r: (r[0], r[1])):
        name = event_name(value)
        if name in seen:
            repeats += 1
            continue
        seen.add(name)
        known = record.acknowledged.get(name) or record.unknown.get(name)
        check(known is not None, f"{label}: nobody sent {name!r}")
        check(known[1] == key, f"{label}: {name} has key {key!r}, not {known[1]!r}")
        number = int(name.split("-")[2])
        check(number > last_number.get(key, -1), f"{label}: {name} came after {last_number.get(key)} of key {key}")
        last_number[key] = number
    missing = [name for name in record.acknowledged if name not in seen]
    check(not missing, f"{label}: {len(missing)} acknowledged events missing, e.g. {sorted(missing)[:5]}")
    return repeats, len(seen)


def _clean_up():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()
    for path in _directories:
        shutil.rmtree(path, ignore_errors=True)


atexit.register(_clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
