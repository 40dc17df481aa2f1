# SPDX-License-Identifier: MIT
"""Holds the share of comments that open with a pronoun, a quantifier or "then" (CONTRIBUTING.md).

    check_comments.py [--list] [TREE]   exit 1 when the share is above the ceiling, or so far below
                                        that the ceiling can be lowered
    check_comments.py --selftest        counts in texts whose answer is known

A comment should name its thing in the first three words. The ceiling may only fall.
"""
import os
import re
import sys

CEILING_PERCENT = 0.5
SLACK_PERCENT = 0.5   # so far below it the ceiling has to follow
FOLDERS = ("agent", "base", "bridge", "config", "ingest", "spool")
OPENINGS = set("""
    it its itself this that these those they them their he his she her we our us you your
    what whatever who whoever whom whose which whichever
    nothing nobody none something somebody someone some anything anybody anyone any
    everything everybody everyone every each all both either neither
    few fewer many more most much several such one ones another other others same
    then there here else
""".split())
COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|/\*(.*?)\*/', re.S)


def comments_of(text):
    """(line, text) of each comment; neighbouring lines of one comment are one text."""
    for match in COMMENT.finditer(text):
        if match.group(1) is None:
            continue   # a string
        words = " ".join(line.strip().lstrip("*").strip() for line in match.group(1).split("\n"))
        yield text.count("\n", 0, match.start()) + 1, words.strip()


def is_prose(words):
    return re.search(r"[A-Za-z]{2}", words) is not None and not words.startswith(("SPDX", "clang-format", "----"))


def opens_badly(words):
    first = re.match(r"[^A-Za-z]*([A-Za-z]+)", words)
    return first is not None and first.group(1).lower() in OPENINGS


def count(files):
    total, bad = 0, []
    for path in files:
        with open(path, encoding="utf-8") as f:
            for line, words in comments_of(f.read()):
                if is_prose(words):
                    total += 1
                    if opens_badly(words):
                        bad.append(f"{path}:{line}: {words[:80]}")
    return total, bad


def files_of(tree):
    for folder in FOLDERS:
        for directory, _, names in os.walk(os.path.join(tree, folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(directory, name)


def selftest():
    text = """/* SPDX-License-Identifier: MIT
 * x.c - what it is. */
int a; /* It is bad. */
/* The cursor is good. */
/* … what is left is bad */
const char *s = "/* It is a string */";
/* ---- it is a heading ---- */
/* 42 */
"""
    found = [words for _, words in comments_of(text) if is_prose(words)]
    bad = [words for words in found if opens_badly(words)]
    good = len(found) == 3 and bad == ["It is bad.", "… what is left is bad"]
    if not good:
        print(found, bad)
    return 0 if good else 1


def main():
    arguments = [a for a in sys.argv[1:] if a != "--list"]
    if arguments == ["--selftest"]:
        return selftest()
    here = os.path.dirname(os.path.abspath(__file__))
    total, bad = count(files_of(arguments[0] if arguments else os.path.dirname(os.path.dirname(here))))
    if total == 0:
        print("no comments to look at")
        return 1
    share = 100 * len(bad) / total
    print(f"{len(bad)} of {total} comments open with a pronoun or quantifier: {share:.1f} %"
          f" (at most {CEILING_PERCENT} %)")
    if "--list" in sys.argv:
        print("\n".join(bad))
    if share > CEILING_PERCENT:
        print("name the thing first: CONTRIBUTING.md, Language; --list shows them all")
        return 1
    if share < CEILING_PERCENT - SLACK_PERCENT:
        print(f"lower CEILING_PERCENT in {os.path.basename(__file__)}: it may only fall")
        return 1
    return 0


sys.exit(main())
