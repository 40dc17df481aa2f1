# SPDX-License-Identifier: MIT
"""Holds the arrows between rooms (the table: rooms) for calls, as the object files show them.

    check_calls.py BUILD [TREE]    prints each call that breaks them; exit 1 if there is one
    check_calls.py --selftest CC   builds small houses with one fault each and wants to see it

An include check can't see a circle that runs through a table of functions, and knows nothing of
circles between the files of one room. The debts of the table must be true: a debt that is paid has
to be taken off the list, so that the list only shrinks.
"""
import os
import re
import subprocess
import sys
import tempfile

MODULES = ("agent", "config", "ingest", "bridge", "spool", "base")


class Table:
    """The table of rooms: what each may include and call, and the debts."""

    def __init__(self, path):
        self.may, self.debt, self.circles = {}, {}, []
        with open(path, encoding="utf-8") as f:
            for line in f:
                self.take(line.split("#")[0].strip())

    def take(self, line):
        if line.startswith("circle "):
            self.circles.append(frozenset(line.split()[1:]))
        elif ":" in line:
            is_debt = line.startswith("debt ")
            room, _, others = line.removeprefix("debt ").partition(":")
            (self.debt if is_debt else self.may)[room] = set(others.split())

    def room_of(self, path):
        """A header that stands in the table by itself, or the folder; `spool/` at the root."""
        if path in self.may:
            return path
        folder, _, _ = path.rpartition("/")
        return folder if "/" in folder else folder + "/"

    def allows(self, room, other):
        module = other.split("/")[0]
        if module == "base" or room == other:
            return True
        if room.split("/")[0] != module:
            return module in self.may.get(room.split("/")[0], ())
        known = self.may.get(room)
        if known is None:   # a module without rooms
            return "/" not in room.rstrip("/")
        return other in known or (other.count("/") == 1 and other in self.may and module + "/" in known)


def includes_of(tree):
    """(file, included file) for all includes of our own headers."""
    for module in MODULES:
        for folder, _, names in os.walk(os.path.join(tree, module)):
            for name in names:
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as f:
                    for included in re.findall(r'^#include "([a-z]+/[^"]+)"', f.read(), re.M):
                        yield os.path.relpath(path, tree), included


def symbols_of(build):
    """source file -> (defined, wanted), from the objects of our libraries."""
    symbols = {}
    for folder, _, names in os.walk(build):
        for name in names:
            source = re.sub(r"^.*?penstock(_\w+)?\.dir/", "", os.path.join(folder, name))[:-2]
            if not name.endswith(".c.o") or source.split("/")[0] not in MODULES:
                continue
            out = subprocess.run(["nm", "-P", os.path.join(folder, name)], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
            rows = [line.split()[:2] for line in out.splitlines()]
            symbols[source] = ({row[0] for row in rows if row[1] in "TDBRCVW"},
                               {row[0] for row in rows if row[1] == "U"})
    return symbols


def calls_of(symbols, tree):
    """file -> {other file: a symbol of it}; files without their ending."""
    symbols = {source: both for source, both in symbols.items()
               if os.path.exists(os.path.join(tree, source))}   # not what an old build left
    home = {symbol: source for source, (defined, _) in symbols.items() for symbol in defined}
    calls = {source[:-2]: {} for source in symbols}
    for source, (_, wanted) in symbols.items():
        for symbol in sorted(wanted & home.keys()):
            if home[symbol] != source:
                calls[source[:-2]].setdefault(home[symbol][:-2], symbol)
    return calls


def circles_of(graph):
    """The strongly connected parts with more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(part) > 1:
                found.append(frozenset(part))

    sys.setrecursionlimit(10000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def check(tree, calls, includes):
    """The list of what is wrong."""
    table = Table(os.path.join(tree, "tests/check/rooms"))
    wrong, used = [], set()
    for part in circles_of(table.may):
        wrong.append(f"the table itself has a circle: {' '.join(sorted(part))}")
    for file, others in calls.items():
        room = table.room_of(file + ".c")
        for other, symbol in others.items():
            target = table.room_of(other + ".c")
            if target in table.debt.get(room, ()):
                used.add((room, target))
            elif not table.allows(room, target):
                wrong.append(f"{file}.c: {room} must not call {target} ({symbol} of {other}.c)")
    for file, included in includes:
        used.add((table.room_of(file), table.room_of(included)))
    for room, targets in table.debt.items():
        for target in sorted(targets):
            if (room, target) not in used:
                wrong.append(f"tests/check/rooms: take off the debt {room}: {target}, it is paid")
    found = circles_of(calls)
    for part in found:
        if part not in table.circles:
            wrong.append("files call each other around: " + " ".join(sorted(part)))
    for part in table.circles:
        if part not in found:
            wrong.append("tests/check/rooms: this circle is no longer so: " + " ".join(sorted(part)))
    return wrong


# ---- does it see anything? ------------------------------------------------------------------------

ROOMS = """base:
spool:
spool/low:
spool/high: spool/low
debt spool/low: spool/odd
spool/odd:
circle spool/high/a spool/high/b
"""
HOUSE = {
    "base/b.c": "void base_b(void){}",
    "spool/low/l.c": "void odd(void); void low(void){odd();}",
    "spool/odd/o.c": "void odd(void){}",
    "spool/high/a.c": "void low(void); void b(void); void base_b(void); void a(void){low();b();base_b();}",
    "spool/high/b.c": "void a(void); void b(void){a();}",
}
FAULTS = {   # what is changed, and a word of the complaint
    "a call upwards": ({"spool/low/up.c": "void a(void); void up(void){a();}"}, "must not call"),
    "a call upwards through a table": (
        {"spool/low/up.c": "void a(void); void (*const table[])(void) = {a};"}, "must not call"),
    "a larger circle": (
        {"spool/high/a.c": "void low(void); void c(void); void a(void){low();c();}",
         "spool/high/c.c": "void b(void); void c(void){b();}"}, "files call each other around"),
    "a circle that is gone": ({"spool/high/b.c": "void b(void){}"}, "no longer so"),
    "a debt that is paid": ({"spool/low/l.c": "void low(void){}"}, "it is paid"),
    "a circle in the table": (
        {"tests/check/rooms": ROOMS.replace("spool/low:\n", "spool/low: spool/high\n", 1)},
        "the table itself"),
}


def build_house(cc, tree, changes):
    for path, text in {"tests/check/rooms": ROOMS, **HOUSE, **changes}.items():
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
            f.write(text + "\n")
        if path.endswith(".c"):
            target = os.path.join(tree, "build/penstock_x.dir", path + ".o")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            subprocess.run([cc, "-c", "-o", target, os.path.join(tree, path)], check=True)


def look_at(build, tree):
    return check(tree, calls_of(symbols_of(build), tree), list(includes_of(tree)))


def selftest(cc):
    missed = 0
    for name, (changes, word) in {"nothing": ({}, None), **FAULTS}.items():
        with tempfile.TemporaryDirectory() as tree:
            build_house(cc, tree, changes)
            wrong = look_at(os.path.join(tree, "build"), tree)
        if (word is None and wrong) or (word is not None and not any(word in w for w in wrong)):
            print(f"{name}: {wrong}")
            missed += 1
    return missed


def main():
    if sys.argv[1] == "--selftest":
        return selftest(sys.argv[2])
    here = os.path.dirname(os.path.abspath(__file__))
    tree = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.dirname(here))
    symbols = symbols_of(sys.argv[1])
    if not symbols:
        print(f"no objects below {sys.argv[1]}")   # nothing to look at is no proof of anything
        return 1
    wrong = check(tree, calls_of(symbols, tree), list(includes_of(tree)))
    for line in wrong:
        print(line)
    return len(wrong) > 0


sys.exit(main())
