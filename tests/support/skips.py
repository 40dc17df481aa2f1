# SPDX-License-Identifier: MIT
"""Skipping a test, or a part of it. In CI (the variable CI is set) a package or root can be had: a
test that lacks one fails there. Skipped there is only what the machine can't do, such as mounts."""
import os
import sys

SKIPPED = 77   # SKIP_RETURN_CODE of ctest


def skip(text):
    """The machine can't do it."""
    print("skipped: " + text, flush=True)
    sys.exit(SKIPPED)


def lacks(text):
    """A package or root is missing."""
    if os.environ.get("CI"):
        print("FAILED: " + text + " (at home it would be skipped)", flush=True)
        sys.exit(1)
    skip(text)


def case_lacks(case, text):
    """The same in a unittest.TestCase."""
    if os.environ.get("CI"):
        case.fail(text + " (at home it would be skipped)")
    case.skipTest(text)
