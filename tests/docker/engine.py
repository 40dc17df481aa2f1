# SPDX-License-Identifier: MIT
"""A Docker engine to test with: the one that runs, or one of our own in a temporary directory; and images, pulled or stood in for."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEBIAN, KAFKA = "debian:bookworm-slim", "apache/kafka:4.1.0"
_t0 = time.time()


def say(text):
    print(f"[{time.time() - _t0:6.1f} s] {text}", flush=True)


def skip(why):
    """A machine on which containers can't run at all."""
    say("skipped: " + why)
    sys.exit(77)


def run(*words, seconds=120, must=True, env=None, input=None):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, env=env, input=input)
    text = done.stdout.decode(errors="replace")
    if must and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.returncode}\n{text[-3000:]}")
    return text if must else (done.returncode, text)


class Engine:
    def __init__(self):
        self.directory, self.process = None, None
        self.environment = dict(os.environ)
        if run("docker", "version", must=False)[0] == 0:
            say("a Docker engine runs here")
        else:
            self._start()

    def _start(self):
        if os.geteuid() != 0:
            skip("no Docker engine runs here, and starting one needs root")
        self.directory = tempfile.mkdtemp(prefix="penstock-docker-", dir=os.path.join(SOURCE, ".cache"))
        socket = os.path.join(self.directory, "docker.sock")
        log = open(os.path.join(self.directory, "log"), "wb")
        for driver in ("overlay2", "vfs"):
            self.process = subprocess.Popen(["dockerd", "--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec",
                                             "-H", f"unix://{socket}", "-p", f"{self.directory}/pid", "--storage-driver", driver],
                                            stdout=log, stderr=log, start_new_session=True)
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
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

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
        """Debian's own minimal tree, with this host's sources, so that apt works in it as it does here."""
        tree = os.path.join(self.directory or tempfile.mkdtemp(), "debian")
        words = run("apt-cache", "policy").split()
        mirror = next((words[i] for i in range(len(words) - 1) if words[i].startswith("http") and words[i + 1].startswith("bookworm/main")),
                      "http://deb.debian.org/debian")
        run("debootstrap", "--variant=minbase", "bookworm", tree, mirror, seconds=400)
        for name in ("sources.list", "sources.list.d", "apt.conf.d", "preferences.d", "auth.conf.d", "trusted.gpg.d"):
            source, target = f"/etc/apt/{name}", f"{tree}/etc/apt/{name}"
            if os.path.isdir(source):
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif os.path.isfile(source):
                shutil.copy(source, target)
        for key in glob.glob("/usr/share/keyrings/*"):
            shutil.copy(key, f"{tree}/usr/share/keyrings/")
        tar = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
        done = subprocess.run(["docker", "import", "-", DEBIAN], stdin=tar.stdout, stdout=subprocess.PIPE, env=self.environment, timeout=300)
        tar.wait()
        shutil.rmtree(tree, ignore_errors=True)
        if done.returncode != 0:
            raise RuntimeError("docker import failed")
        say(f"{DEBIAN}: stood in for by a debootstrap tree")

    def build(self, name, context, *words):
        """With the host's network: apt reaches from within what it reaches here."""
        self.docker("build", "--network", "host", "-t", name, *words, context, seconds=600)

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
        if self.directory is None:
            return
        self._end_process()
        for line in reversed(open("/proc/mounts").read().splitlines()):
            if line.split()[1].startswith(self.directory):
                run("umount", "-l", line.split()[1], must=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        say("our Docker engine is gone")
