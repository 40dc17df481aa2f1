# SPDX-License-Identifier: MIT
"""A Docker engine to test with: the one that runs, or one of our own in a temporary directory; and images, pulled or stood in for.

What is made here is gone afterwards: an engine of our own with everything in it, what it changed in the host's network, and in an engine that
was there the images that were not.
"""
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from host_network import HostNetwork
from skips import lacks, skip   # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEBIAN, KAFKA = "debian:bookworm-slim", "apache/kafka:4.1.0"
PREFIX = "penstock-docker-"
_t0 = time.time()


def say(text):
    print(f"[{time.time() - _t0:6.1f} s] {text}", flush=True)


def run(*words, seconds=120, must=True, env=None, input=None):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, env=env, input=input)
    text = done.stdout.decode(errors="replace")
    if must and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.returncode}\n{text[-3000:]}")
    return text if must else (done.returncode, text)


def end_with_us():
    """In the child: when this test is killed, the engine gets a SIGTERM and ends its containers."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)   # PR_SET_PDEATHSIG


def remove_tree(directory):
    for line in reversed(open("/proc/mounts").read().splitlines()):
        mounted = line.split()[1]
        if mounted.startswith(directory + "/"):
            run("umount", "-l", mounted, must=False)
    shutil.rmtree(directory, ignore_errors=True)


class Engine:
    def __init__(self):
        self.directory, self.process, self.network = None, None, None
        self.made = []   # images that an engine which was there before us would otherwise keep
        self.environment = dict(os.environ)
        if run("docker", "version", must=False)[0] == 0:
            say("a Docker engine runs here")
        else:
            self._start()

    def _start(self):
        if os.geteuid() != 0:
            lacks("no Docker engine runs here, and starting one needs root")
        cache = os.path.realpath(os.path.join(SOURCE, ".cache"))   # containers don't start below a symbolic link
        for path in glob.glob(os.path.join(cache, PREFIX + "*")):
            if not os.path.exists(f"/proc/{os.path.basename(path)[len(PREFIX):].split('-')[0]}"):
                remove_tree(path)   # of a test that was killed
        self.directory = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=cache)
        self.network = HostNetwork()
        socket = os.path.join(self.directory, "docker.sock")
        log = open(os.path.join(self.directory, "log"), "wb")
        for driver in ("overlay2", "vfs"):
            # No default bridge: compose makes a network of its own, and images are built with the host's.
            self.process = subprocess.Popen(["dockerd", "--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec",
                                             "-H", f"unix://{socket}", "-p", f"{self.directory}/pid", "--storage-driver", driver, "--bridge", "none"],
                                            stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_us)
            self.environment["DOCKER_HOST"] = f"unix://{socket}"
            for _ in range(120):
                if self.process.poll() is not None:
                    break
                if self.docker("version", must=False)[0] == 0:
                    say(f"started a Docker engine of our own ({driver})")
                    return
                time.sleep(0.5)
            self._end_process()
        with open(os.path.join(self.directory, "log"), errors="replace") as f:
            why = f.read()[-600:]
        self.stop()
        skip(f"dockerd doesn't start here: {why}")

    def _end_process(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for path in glob.glob("/proc/[0-9]*/cmdline"):   # its containerd and shims, should it have died without them
            try:
                with open(path, "rb") as f:
                    if self.directory.encode() in f.read() and int(path.split("/")[2]) != os.getpid():
                        os.kill(int(path.split("/")[2]), signal.SIGKILL)
            except OSError:
                pass

    def docker(self, *words, seconds=120, must=True, input=None):
        return run("docker", *words, seconds=seconds, must=must, env=self.environment, input=input)

    def has_image(self, name):
        return self.docker("image", "inspect", name, must=False)[0] == 0

    # ---- images ------------------------------------------------------------------------------------------------------

    def get_images(self):
        if not self._pull(DEBIAN):
            self._debootstrap()
        if not self._pull(KAFKA):
            self._kafka()

    def _pull(self, name):
        if self.has_image(name):
            return True
        try:
            pulled = self.docker("pull", "-q", name, seconds=240, must=False)[0] == 0
        except subprocess.TimeoutExpired:
            pulled = False
        say(f"{name}: {'pulled' if pulled else 'cannot be pulled, a stand-in is made'}")
        return pulled

    def _debootstrap(self):
        """Debian's own minimal tree, from the mirror that this host uses."""
        if os.geteuid() != 0:
            skip(f"{DEBIAN} cannot be pulled, and making a stand-in needs root")
        directory = tempfile.mkdtemp(prefix="penstock-debian-", dir=self.directory)
        tree = os.path.join(directory, "tree")
        mirror = re.search(r"(https?://\S+) bookworm/main", run("apt-cache", "policy"))
        mirror = mirror.group(1) if mirror else "http://deb.debian.org/debian"
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", tree, mirror, seconds=400)
        proxies = [line for line in run("apt-config", "dump").splitlines() if "Proxy" in line and line.startswith("Acquire::")]
        with open(f"{tree}/etc/apt/apt.conf.d/80host", "w") as f:
            f.write("\n".join(proxies) + '\nDPkg::Options "force-unsafe-io";\n')
        tar = subprocess.Popen(["tar", "-C", tree, "--exclude=./var/cache/apt/archives/*.deb", "-c", "."], stdout=subprocess.PIPE)
        done = subprocess.run(["docker", "import", "-", DEBIAN], stdin=tar.stdout, stdout=subprocess.PIPE, env=self.environment, timeout=300)
        tar.wait()
        shutil.rmtree(directory, ignore_errors=True)
        if done.returncode != 0:
            raise RuntimeError("docker import failed")
        self.made.append(DEBIAN)
        say(f"{DEBIAN}: stood in for by a debootstrap tree")

    def build(self, name, context, *words):
        """With the host's network: apt reaches from within what it reaches here."""
        self.docker("build", "--network", "host", "-t", name, *words, context, seconds=600)
        self.made.append(name)

    def _kafka(self):
        context = tempfile.mkdtemp(prefix="penstock-kafka-image-")
        for name in ("Dockerfile", "start.sh", "tool.sh"):
            shutil.copy(os.path.join(SOURCE, "tests/docker/kafka", name), context)
        shutil.copytree(os.path.join(SOURCE, ".cache/kafka/libs-4.1.0"), os.path.join(context, "libs"))
        self.build(KAFKA, context)
        shutil.rmtree(context)
        say(f"{KAFKA}: stood in for by its jars and a JRE")

    # ---- the end -----------------------------------------------------------------------------------------------------

    def stop(self):
        """Returns what is left of it all, in words: nothing."""
        if self.directory is None:
            for name in reversed(self.made):
                self.docker("rmi", "-f", name, must=False)
            return []
        self._end_process()
        remove_tree(self.directory)
        self.network.put_back()
        left = self.network.left_over() + [path for path in [self.directory] if os.path.exists(path)]
        say("our Docker engine is gone" + (f", but not {left}" if left else ""))
        return left
