# SPDX-License-Identifier: MIT
"""A real filesystem in an image file, in a mount namespace of its own: it can be mounted, shut down as by a power cut, frozen, filled.

Nothing outlives the test, however it ends: the mounts go with the namespace, and each loop device with its mount ("mount -o loop").
"""
import atexit
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import lacks, skip   # noqa: E402

SHUTDOWN = 0x8004587D   # FS_IOC_SHUTDOWN: _IOR('X', 125, __u32), the same for ext4 and XFS
NOLOGFLUSH = 2          # the journal isn't written either: what is not synced is gone


def enter_own_namespace(script):
    """Runs the script again in a mount namespace of its own. Call it before anything is started."""
    if os.environ.get("PENSTOCK_MOUNT_NAMESPACE") == "own":
        return
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        lacks("needs root and unshare")
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stderr=subprocess.DEVNULL).returncode != 0:
        skip("no mounts of one's own here")
    os.environ["PENSTOCK_MOUNT_NAMESPACE"] = "own"
    os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(script), *sys.argv[1:]])


class DiskError(Exception):
    pass


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if done.returncode != 0:
        raise DiskError(f"{' '.join(words)}: {done.stdout.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


class LoopDisk:
    def __init__(self, directory, kind, name, mib=320):
        self.kind = kind
        self.image = os.path.join(directory, name + ".img")
        self.point = os.path.join(directory, name)
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        os.mkdir(self.point)
        run(f"mkfs.{kind}", "-q", *(["-m", "0"] if kind == "ext4" else []), self.image)

    def mount(self, options="rw"):
        run("mount", "-t", self.kind, "-o", "loop," + options, self.image, self.point)

    def remount(self, options):
        run("mount", "-o", "remount," + options, self.point)

    def unmount(self, seconds=10):
        """A process that was killed a moment ago may still have it open."""
        end = time.time() + seconds
        while True:
            try:
                run("umount", self.point)
                return
            except DiskError:
                if time.time() > end:
                    raise
                time.sleep(0.02)

    def shut_down(self):
        """From now on nothing reaches the disk, and what hasn't yet never will."""
        fd = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def freeze(self):
        run("fsfreeze", "-f", self.point)

    def thaw(self):
        run("fsfreeze", "-u", self.point)

    def device(self):
        return run("findmnt", "-n", "-o", "SOURCE", self.point).strip()

    def free_bytes(self):
        status = os.statvfs(self.point)
        return status.f_bavail * status.f_frsize

    def fill(self, name="ballast"):
        """To the last byte, as another program would. Returns the file's path."""
        path = os.path.join(self.point, name)
        with open(path, "ab", buffering=0) as f:
            try:
                os.posix_fallocate(f.fileno(), f.tell(), self.free_bytes())   # most of it at once
                f.seek(0, os.SEEK_END)
            except OSError:
                pass
            for size in (1 << 20, 1 << 16, 4096, 1):
                try:
                    while f.write(b"\xa5" * size) > 0:
                        pass
                except OSError:
                    pass
            try:
                os.fsync(f.fileno())
            except OSError:
                pass
        return path

    def remove(self):
        shutil.rmtree(self.point, ignore_errors=True)
        os.unlink(self.image)


def write_config(agent, spool, point, bootstrap, delivery="exactly_once", **settings):
    """For an agent whose spool lies on such a disk; settings are more lines below spool."""
    more = "".join(f"  {name}: {value}\n" for name, value in settings.items())
    with open(agent.config, "w") as f:
        f.write(f"spool:\n  path: {spool}\n  create: true\n  require_mount: {point}\n  min_free: 16MiB\n  segment_size: 4MiB\n"
                f"  max_event_size: 100000\n{more}"
                f"listen:\n  http: [\"127.0.0.1:{agent.port}\"]\n  threads: 2\n"
                f"kafka:\n  bootstrap.servers: {bootstrap}\n"
                f"bridge:\n  delivery: {delivery}\n")


def unmount_at_exit(disks):
    """Before the harness empties its directories: those of the disks are not to be emptied through them."""
    def unmount():
        for disk in disks:
            # A dead XFS doesn't tell whether it is mounted.
            while subprocess.run(["umount", "-l", disk.point], stderr=subprocess.DEVNULL).returncode == 0:
                pass
    atexit.register(unmount)


def why_not(kind, directory):
    """Empty when such a disk can be made, shut down and mounted again here, else the reason."""
    if shutil.which(f"mkfs.{kind}") is None:
        if os.environ.get("CI"):
            lacks(f"needs mkfs.{kind}")
        return f"no mkfs.{kind}"
    try:
        disk = LoopDisk(directory, kind, "trial-" + kind)
        disk.mount()
        disk.shut_down()
        disk.unmount()
        disk.mount()
        disk.unmount()
        disk.remove()
    except (DiskError, OSError) as error:
        return str(error)
    return ""
