# SPDX-License-Identifier: MIT
"""Seven topics at half of the measured maximum: with three topics in trouble beside them, against alone."""
from isolation import Scene
from support import row


def bench_isolation():
    for delivery in "exactly_once", "at_least_once":
        scene = Scene(delivery)
        alone, beside = scene.measure(10)
        row(f"{delivery}: beside a denied, a missing, a leaderless topic", beside, alone, beside / alone, 0.9, unit="events/s")
        scene.end()
