# SPDX-License-Identifier: MIT
"""What a Docker engine of our own changes on the host beside its directory (packet filter, bridge, forwarding), and how it was before."""
import shlex
import subprocess

FILTERS = ("iptables", "ip6tables")
SWITCHES = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv6/conf/default/forwarding")


def _output(*words):
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30).stdout.decode()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _filter_state(command):
    """Rules and chains of all tables: {(table, rule)}, {(table, chain): policy}; a chain of one's own has the policy "-"."""
    table, rules, chains = None, [], {}
    for line in _output(command + "-save").splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            chains[table, chain] = policy
        elif line.startswith("-A "):
            rules.append((table, line[3:]))
    return rules, chains


def _links():
    return {line.split(": ")[1].split("@")[0] for line in _output("ip", "-o", "link").splitlines()}


def _switches():
    found = {}
    for path in SWITCHES:
        try:
            with open(path) as f:
                found[path] = f.read()
        except OSError:
            pass
    return found


class HostNetwork:
    def __init__(self):
        self.filters = {command: _filter_state(command) for command in FILTERS}
        self.links, self.switches = _links(), _switches()

    def _undo_filter(self, command):
        rules_before, chains_before = self.filters[command]
        rules, chains = _filter_state(command)
        added = [key for key in chains if key not in chains_before and chains[key] == "-"]
        for table, rule in rules:
            if (table, rule) not in rules_before:
                _output(command, "-w", "-t", table, "-D", *shlex.split(rule))
        for word in ("-F", "-X"):
            for table, chain in added:
                _output(command, "-w", "-t", table, word, chain)
        for (table, chain), policy in chains.items():
            before = chains_before.get((table, chain), "ACCEPT")
            if policy != "-" and policy != before:
                _output(command, "-w", "-t", table, "-P", chain, before)

    def put_back(self):
        """Only what was added is taken away: others may have changed their own things meanwhile."""
        for command in FILTERS:
            self._undo_filter(command)
        for link in _links() - self.links:
            if link == "docker0" or link.startswith("br-"):
                _output("ip", "link", "delete", link)
        for path, value in self.switches.items():
            if _switches().get(path) != value:
                with open(path, "w") as f:
                    f.write(value)

    def left_over(self):
        """What is there now and was not before, in words; nothing after put_back()."""
        found = [f"link {link}" for link in _links() - self.links if link == "docker0" or link.startswith(("br-", "veth"))]
        for command in FILTERS:
            rules, chains = _filter_state(command)
            found += [f"{command} -t {table} {rule}" for table, rule in rules if (table, rule) not in self.filters[command][0]]
            found += [f"{command} chain {table} {chain}" for (table, chain), policy in chains.items()
                      if policy == "-" and (table, chain) not in self.filters[command][1]]
        return found
