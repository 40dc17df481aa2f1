# SPDX-License-Identifier: MIT
"""Mounts for a test alone: a mount namespace of its own, and a filesystem that can be mounted and unmounted again."""
import atexit
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import lacks, skip   # noqa: E402


def own_namespace():
    """Runs the calling test again in a mount namespace of its own; it ends with 77 where that can't be. Call it before anything else."""
    if os.environ.get("PENSTOCK_MOUNT_NAMESPACE") == "own":
        return
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        lacks("needs root and unshare")
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stderr=subprocess.DEVNULL).returncode != 0:
        skip("no mounts of one's own here")
    os.environ["PENSTOCK_MOUNT_NAMESPACE"] = "own"
    os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def run(*words, ok=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ok and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout.decode(errors='replace')}")
    return done.returncode == 0


class Disk:
    """ext4 on a loop device; without loop devices a directory of a tmpfs, which can be mounted again, too."""

    def __init__(self, directory, mib=300):
        self.point = os.path.join(directory, "mnt")
        self.device = None
        os.mkdir(self.point)
        image = os.path.join(directory, "disk.img")
        with open(image, "wb") as f:
            f.truncate(mib << 20)
        if shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", image, ok=False):
            made = subprocess.run(["losetup", "-f", "--show", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if made.returncode == 0:
                self.device = made.stdout.decode().strip()
        self.what = "ext4 on " + str(self.device)
        if self.device is None:
            self.what = "a bind-mounted tmpfs"
            self.kept = os.path.join(directory, "kept")
            os.mkdir(self.kept)
            run("mount", "-t", "tmpfs", "tmpfs", self.kept)
        atexit.register(self.remove)

    def mount(self):
        run(*(["mount", self.device] if self.device else ["mount", "--bind", self.kept]), self.point)

    def unmount(self):
        run("umount", self.point)

    def remove(self):
        while os.path.ismount(self.point) and run("umount", "-l", self.point, ok=False):
            pass
        if self.device:
            run("losetup", "-d", self.device, ok=False)
