# SPDX-License-Identifier: MIT
"""A Kafka for many tests, as a fixture of ctest: shared_kafka.py start|stop DIRECTORY

The address lies in DIRECTORY/address. A start ends a broker that an interrupted run left in the
same DIRECTORY, and no other."""
import os
import shutil
import sys

from harness import Kafka, say

word, directory = sys.argv[1], os.path.abspath(sys.argv[2])
kafka = Kafka(directory)
kafka.stop()
shutil.rmtree(directory, ignore_errors=True)
if word == "start":
    kafka.start()
    kafka.running = False   # outlives this process
    with open(os.path.join(directory, "address"), "w") as f:
        f.write(kafka.bootstrap)
say(f"{word}: done")
