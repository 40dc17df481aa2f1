# SPDX-License-Identifier: MIT
# test_docs.py - every command in README and documents does what a reader expects of it.
#   test_docs.py BUILD_DIRECTORY
"""The table ROWS says for each command how it is run. A command without a row makes the test red, and so does a row without a command:
whoever writes one into a document says here how it is known to work.

Most run as they stand, in a shell whose PATH has this build's program and Kafka's tools, with only addresses and directories replaced. What
takes long runs smaller, and what changes the machine (installing, containers) is looked up, where another test runs it."""
import http.client
import os
import re
import subprocess
import sys

BUILD = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from harness import PROGRAM, SOURCE, Agent, Kafka, check, free_port, say, temporary_directory, wait_until, _started   # noqa: E402
from commands import blocks, commands, mentions   # noqa: E402

JAVA_TOOLS = {"kafka-topics": "org.apache.kafka.tools.TopicCommand", "kafka-acls": "org.apache.kafka.tools.AclCommand"}


def read(path):
    with open(os.path.join(SOURCE, path)) as f:
        return f.read()


class World:
    """A Kafka that checks rights, an agent with README's own settings, and what the commands find beside them."""

    def __init__(self):
        self.directory = temporary_directory()
        self.tools = os.path.join(self.directory, "bin")
        os.mkdir(self.tools)
        self.tool("penstock", f'exec "{PROGRAM}" "$@"')
        for name, java in JAVA_TOOLS.items():
            self.tool(name, f"exec java -XX:TieredStopAtLevel=1 -cp '{SOURCE}/.cache/kafka/libs-4.1.0/*' {java} \"$@\"")
        os.environ["KAFKA_PROPS"] = ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                                     "super.users=User:ANONYMOUS\n")
        self.kafka = Kafka()
        self.kafka.start()
        self.port = free_port()
        self.socket = os.path.join(self.directory, "http.sock")
        self.spool = os.path.join(self.directory, "spool")
        self.dead = os.path.join(self.directory, "dead")
        self.replaced = [("localhost:8080", f"127.0.0.1:{self.port}"), ("127.0.0.1:8080", f"127.0.0.1:{self.port}"),
                         ("/run/penstock/http.sock", self.socket), ("/var/lib/penstock/spool", self.spool), ("/var/lib/penstock", self.spool),
                         ("/mnt/dead/spool", self.dead), ("kafka.example:9092", self.kafka.bootstrap), ("kafka:9092", self.kafka.bootstrap)]
        for name, content in (("picture.jpg", "\xff\xd8"), ("lines", "a:1\nb:2\n")):
            with open(os.path.join(self.directory, name), "w", encoding="latin-1") as f:
                f.write(content)
        self.agent, self.event_id, self.spool_id, self.letter = None, None, None, None

    def tool(self, name, script):
        path = os.path.join(self.tools, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + script + "\n")
        os.chmod(path, 0o755)

    def translate(self, command):
        for before, after in self.replaced:
            command = command.replace(before, after)
        command = re.sub(r"\bcurl ", "curl -sS --fail-with-body ", command)
        return re.sub(r"(penstock (?:produce|status))\b", rf"\1 --url http://127.0.0.1:{self.port}", command)

    def run(self, command, seconds=60):
        done = subprocess.run(["sh", "-c", command], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              env={**os.environ, "PATH": self.tools + ":" + os.environ["PATH"]})
        text = done.stdout.decode(errors="replace")
        check(done.returncode == 0, f"`{command}` ended with {done.returncode}: {text[-1500:]}")
        return text

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except OSError:
            return 0, {}, b""
        finally:
            connection.close()

    def start_agent(self, command):
        """README's file and README's command, in the background."""
        with open(os.path.join(self.directory, "penstock.yaml"), "w") as f:
            f.write(self.translate(blocks(SOURCE, "README.md", "yaml")[0]))
            f.write(f'listen:\n  http: ["127.0.0.1:{self.port}", "unix:{self.socket}"]\n')
        log = open(os.path.join(self.directory, "log"), "wb")
        self.agent = subprocess.Popen(["sh", "-c", "exec " + self.translate(command)], cwd=self.directory, stderr=log, stdout=log,
                                      env={**os.environ, "PATH": self.tools + ":" + os.environ["PATH"]})
        _started.append(self.agent)
        wait_until(lambda: self.request("GET", "/readyz")[0] == 200, 20, "the agent is ready")

    def make_dead_spool(self):
        """Of a host that died with an event that Kafka hasn't got."""
        agent = Agent(temporary_directory(), "127.0.0.1:1")
        agent.start()
        check(agent.post("door", b"last words")[0] == 200, "taken")
        agent.kill()
        os.rename(os.path.join(agent.directory, "spool"), self.dead)


# ---- how a command is run: each takes the world and the command ---------------------------------------------------------------------

def as_it_stands(world, command):
    world.run(world.translate(command))


def agent(world, command):
    world.start_agent(command)


def config(world, command):
    """As it stands; the file is README's."""
    with open(os.path.join(world.directory, "penstock.yaml"), "w") as f:
        f.write(world.translate(blocks(SOURCE, "README.md", "yaml")[0]))
    as_it_stands(world, command)


def one_broker(world, command):
    as_it_stands(world, command.replace("--replication-factor 3", "--replication-factor 1"))


def receipt(world, command):
    """With the ids of an event of this agent's."""
    status, headers, _ = world.request("POST", "/topics/door?wait=kafka&wait_ms=20000", b"x")
    check(status == 200, f"an event is in Kafka: {status}")
    path = re.sub(r"/receipts/\d+", "/receipts/" + headers["Penstock-First-Event-Id"], command)
    text = world.run(world.translate(re.sub(r"spool_id=[0-9a-f-]+", "spool_id=" + headers["Penstock-Spool-Id"], path)))
    check('"state":"delivered"' in text, f"its receipt says so: {text}")


def letters(world, command):
    """There is one: an event for a partition that its topic does not have."""
    world.request("POST", "/topics/door/partitions/999", b"nowhere")
    wait_until(lambda: b'"dead_lettered":0' not in world.request("GET", "/status")[2][:400], 30, "there is a dead letter")
    text = world.run(world.translate(command))
    world.letter = re.search(r"\b\d{15,}\b", text).group(0)


def letter(world, command):
    text = world.run(world.translate(re.sub(r"\d{15,}", world.letter, command)))
    check("nowhere" in text, f"it is shown: {text}")


def dead_spool(world, command):
    if not os.path.exists(world.dead):
        world.make_dead_spool()
    as_it_stands(world, command)


def smaller(*pairs, seconds=60):
    """In the source tree, with this build, and smaller numbers."""
    def how(world, command):
        for before, after in pairs:
            check(before in command, f"{before!r} is in `{command}`")
            command = command.replace(before, after)
        command = command.replace("build/dev", BUILD)
        world.run(f"cd '{SOURCE}' && {command}", seconds)
    return how


def options(world, command):
    """The suite runs the program in its own way; here: it is there, and its help has each option."""
    program = re.match(r"(python3 )?\S+", command).group(0).replace("build/dev", BUILD)
    done = subprocess.run(["sh", "-c", f"cd '{SOURCE}' && {program} --help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    for option in re.findall(r"--\w+", command):
        check(option in done.stdout.decode(), f"{program} knows {option}: {done.stdout.decode()[-500:]}")


def listing_directory(world):
    """A directory whose ctest lists this build's tests: in the build's own it would overwrite the
    log of the run that goes on."""
    directory = os.path.join(world.directory, "ctest")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "CTestTestfile.cmake"), "w") as f:
        f.write(f'subdirs("{BUILD}")\n')
    return directory


def ctest(world, command):
    """There are such tests, and they know the variables."""
    out = world.run(f"cd '{SOURCE}' && " + re.sub(r"^(\w+=\S+ )*", "", command).replace("build/dev", listing_directory(world)) + " -N")
    check(int(re.search(r"Total Tests: (\d+)", out).group(1)) > 0, f"`{command}` finds tests")
    for name in re.findall(r"(PENSTOCK_\w+)=", command):
        used = subprocess.run(["grep", "-rlw", name, os.path.join(SOURCE, "tests")], stdout=subprocess.DEVNULL).returncode
        check(used == 0, f"a test knows {name}")


def dev(world, command):
    """`./dev help` has it with such words; what its names name is there. CI runs them, or people."""
    variables, words = re.match(r"((?:\w+=\S+ )*)\./dev (.*)", command).groups()
    words = words.split()
    usage = " ".join(re.findall(rf"^\./dev {words[0]}\b(.*)", read("dev"), re.M))
    check(usage, f"./dev help knows `{command}`")
    check(re.search(rf"^{words[0]}\)", read("dev"), re.M), f"./dev has {words[0]}")
    names = [word for word in words[1:] if not word.isdigit() and word not in usage]
    known = {"bench": lambda: re.findall(r'"(\w+)": bench_', read("bench/run.py")), "fuzz": lambda: os.listdir(os.path.join(SOURCE, "tests/fuzz/corpus")),
             "build": lambda: re.findall(r'"name": "(\w+)"', read("CMakePresets.json"))}
    check(not names or set(names) <= set(known.get(words[0], list)()), f"`{command}` names {names}")
    for name in re.findall(r"(\w+)=", variables):
        check(name in read("bench/run.sh"), f"bench/run.sh knows {name}")


def dev_test(world, command):
    """The tier that it names has such tests."""
    tier = "long" if " all " in command else "short"
    words = re.sub(r"^\./dev test( all)? ", "", command)
    out = world.run(f"ctest --test-dir '{listing_directory(world)}' -N -L '^{tier}$' {words}")
    check(int(re.search(r"Total Tests: (\d+)", out).group(1)) > 0, f"`{command}` finds tests")


def dev_run(world, command):
    """What it ends with, and every line that it prints for copying."""
    dev(world, command)
    with_ = re.search(r"exec build/release/penstock (run --mock-kafka .*)", read("dev")).group(1)
    port, log = free_port(), os.path.join(world.directory, "run.log")
    with open(log, "wb") as f:
        process = subprocess.Popen([PROGRAM, *with_.split(), "--listen", f"127.0.0.1:{port}"], cwd=world.directory, stdout=f, stderr=f)
    _started.append(process)

    def printed():
        with open(log) as f:
            return re.findall(r"^ +[a-z ]+: +(\S.*)", f.read(), re.M)
    wait_until(lambda: len(printed()) >= 3, 20, "it says how to send an event and see it arrive")
    for line in printed():
        if line.startswith(("curl", "kcat")):
            world.run("timeout 20 " + line.replace("kcat ", "kcat -e ").replace("curl ", "curl -sS -f --retry-connrefused --retry 5 "))
    process.terminate()
    check(process.wait(20) == 0, "it ends well")


def ci(world, command):
    parts = ("test", "test all", "test-docker")
    check(all(f"\n./dev {what} ||" in read(".ci/run") for what in parts), ".ci/run runs all three")


def script(world, command):
    """It is there and can be run; without words it says how."""
    path = os.path.join(SOURCE, command.split()[0])
    done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    check(done.returncode != 0 and b"usage" in done.stdout, f"{path} says how it is used: {done.stdout}")


def install(world, command):
    """agent_generated runs `cmake --install`; the presets and steps are there."""
    for preset in re.findall(r"--preset (\w+)", command):
        check(f'"name": "{preset}"' in read("CMakePresets.json"), f"there is a preset {preset}")
    check('"--install"' in read("tests/agent/test_generated.py"), "test_generated.py installs")


def systemd(world, command):
    """agent_service looks at the unit; what the commands name is what is installed."""
    installed = read("cmake/install.cmake")
    for unit in re.findall(r"systemctl enable --now (\S+)", command):
        check(f"{unit}.service" in installed, f"{unit}.service is installed")
    check("lib/sysusers.d" in installed and "systemd-sysusers" in command, "its user is made by systemd-sysusers")


ROWS = {
    "docs/delivery.md": [   # before the first start: an agent that may makes its cursor topic by itself
        ("kafka-topics --bootstrap-server kafka:9092 --create --topic penstock.cursors --partitions 1 --replication-factor 3", one_broker),
        ("kafka-acls --bootstrap-server kafka:9092 --add --allow-principal User:penstock --operation Write --operation Describe "
         "--transactional-id penstock. --resource-pattern-type prefixed", as_it_stands),
        ("kafka-acls --bootstrap-server kafka:9092 --add --allow-principal User:penstock --operation Read --group penstock. "
         "--resource-pattern-type prefixed", as_it_stands),
        ("kafka-acls --bootstrap-server kafka:9092 --add --allow-principal User:penstock --operation Read --topic penstock.cursors", as_it_stands),
        ("kafka-acls --bootstrap-server kafka:9092 --add --allow-principal User:penstock --operation Write --topic doors", as_it_stands),
    ],
    "README.md": [
        ("./dev run", dev_run),
        ("./dev test", dev),
        ("penstock check-config penstock.yaml", config),
        ("penstock run --config penstock.yaml", agent),
        ("curl -d '{\"door\":\"open\"}' 'localhost:8080/topics/doors?key=front'", as_it_stands),
        ("penstock produce -t doors -K: < lines", as_it_stands),
        ("penstock status", as_it_stands),
        ("cmake --preset release -DCMAKE_INSTALL_PREFIX=/usr && cmake --build --preset release && sudo cmake --install build/release", install),
        ("sudo systemd-sysusers && sudo systemctl daemon-reload && sudo systemctl enable --now penstock", systemd),
    ],
    "CONTRIBUTING.md": [
        ("./dev build dev", dev),
        ("ctest --test-dir build/dev -L unit", ctest),
        ("ctest --test-dir build/dev -R unit_spool", ctest),
        ("./dev kafka start", dev),
    ],
    "docker/README.md": [   # ./dev test-docker does all of it
        ("./dev compose up", dev),
        ("curl -d '{\"door\":\"open\"}' localhost:8080/topics/demo", as_it_stands),
        ("./dev compose down", dev),
    ],
    "docs/benchmarks.md": [
        ("./dev bench", dev),
        ("PENSTOCK_BENCH_ROUNDS=9 ./dev bench one", dev),
        ("PENSTOCK_BENCH_BACKLOG=1024 ./dev bench start", dev),
        ("PENSTOCK_BENCH_DIR=/mnt/disk ./dev bench", dev),
        ("./dev bench soak", dev),
    ],
    "docs/hacking.md": [
        ("./dev build dev", dev),
        ("ctest --test-dir build/dev -L unit", ctest),
        ("ctest --test-dir build/dev -R e2e_kill9", ctest),
        ("./dev test", dev),
        ("./dev test all", dev),
        ("./dev test-docker", dev),
        ("tests/support/fresh_debian.sh bookworm", script),
        ("tests/support/fresh_debian.sh trixie './dev build dev && ctest --test-dir build/dev -L unit'", script),
        (".ci/run", ci),
    ],
    "tests/README.md": [
        ("./dev test", dev),
        ("./dev test all", dev),
        ("./dev test-docker", dev),
        ("./dev sim 60", dev),
        ("./dev test -R e2e_kill9_short", dev_test),
        ("./dev test all -R e2e_damage -V", dev_test),
        ("PENSTOCK_DAMAGE_ROUNDS=20000 PENSTOCK_SEED=42 build/dev/tests/test_spool_reader", smaller(("=20000", "=20"))),
        ("python3 tests/e2e/test_damage.py --rounds 1000 --seed 42", options),
        ("build/dev/penstock_damage matrix --rounds 20000 --seed 42", options),
        ("python3 tests/power/test_power_cuts.py --build build/dev --states 200000 --seed 42", options),
        ("build/dev/fault_session --seed 42 --kind fdatasync", options),
        ("python3 tests/e2e/test_exactly_once.py --rounds 5 --seed 42", options),
        ("build/dev/fault_parking -k killed -n 17", smaller()),
        ("PENSTOCK_KILLS=200 PENSTOCK_SEED=42 ctest --test-dir build/dev -R e2e_kill9 -V", ctest),
        ("PENSTOCK_FILESYSTEM_ROUNDS=100 PENSTOCK_SEED=42 ctest --test-dir build/dev -R e2e_filesystems -V --timeout 1200", ctest),
    ],
    "docs/http-api.md": [
        ("curl -d 'door opened' http://127.0.0.1:8080/topics/door", as_it_stands),
        ("curl -d 'door opened' --unix-socket /run/penstock/http.sock http://localhost/topics/door", as_it_stands),
        ("curl --data-binary @picture.jpg -H 'Content-Type: image/jpeg' 'http://127.0.0.1:8080/topics/door?key=front&timestamp=1700000000000'",
         as_it_stands),
        ("printf '{\"n\":1}\\n{\"n\":2}\\n' | curl --data-binary @- -H 'Content-Type: application/x-ndjson' http://127.0.0.1:8080/topics/door",
         as_it_stands),
        ("curl -H 'Content-Type: application/vnd.kafka.json.v2+json' -d '{\"records\":[{\"key\":\"front\",\"value\":{\"open\":true}},{\"value\":null}]}' "
         "http://127.0.0.1:8080/topics/door", as_it_stands),
        ("curl 'http://127.0.0.1:8080/receipts/1882651080412626946?topic=door&spool_id=fefda7eb-f2ae-4816-9263-e679530b1bcf'", receipt),
        ("curl -d 'door opened' 'http://127.0.0.1:8080/topics/door?wait=kafka&wait_ms=2000'", as_it_stands),
    ],
    "docs/operations.md": [
        ("penstock dead-letter list --spool /var/lib/penstock/spool", letters),
        ("penstock dead-letter show --spool /var/lib/penstock/spool 1882685749355105823", letter),
        ("penstock spool verify /mnt/dead/spool", dead_spool),
        ("penstock drain --spool /mnt/dead/spool --bootstrap kafka:9092", dead_spool),
    ],
}


def check_table():
    """Every command has its row, and every row its command."""
    found, known = set(commands(SOURCE)), {(page, row[0]) for page, rows in ROWS.items() for row in rows}
    check(found, "there are commands")
    check(not found - known, f"commands that no row of ROWS runs: {sorted(found - known)}")
    check(not known - found, f"rows whose command is nowhere: {sorted(known - found)}")


def check_mentions():
    """In running text: the program has such commands and options, and so has ./dev."""
    usage, helps = read("dev"), {}
    for page, words in mentions(SOURCE):
        name = re.split(r"[^a-z-]", words[1])[0]
        if words[0] == "./dev":
            check(re.search(rf"^\./dev {name}\b", usage, re.M), f"{page}: ./dev knows {name}")
            continue
        names = [name, *([words[2].split("|")[0]] if len(words) > 2 and name in ("dead-letter", "quarantine", "spool") else [])]
        names = [part for part in names if re.fullmatch(r"[a-z-]+", part)]
        if " ".join(names) not in helps:
            helps[" ".join(names)] = subprocess.run([PROGRAM, *names, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        for option in re.findall(r"--[a-z-]+", " ".join(words[1:])):
            check(option in helps[" ".join(names)], f"{page}: `{' '.join(words)}`: penstock {' '.join(names)} knows {option}")


def check_figures():
    """README's figures are those of the crash matrix, which is made from the tests' output: no more, and times not out of date."""
    readme, matrix = read("README.md"), read("docs/crash-matrix.md")

    def claimed(text):
        return float(re.search(text, readme).group(1).replace(",", ""))
    states = sum(int(n) for n in re.findall(r"\| (\d+) states, ", matrix))
    damages = sum(int(n) for n in re.findall(r"^\| [^|]+ \| (\d+) (?:\| \d+ ){7}", matrix, re.M))
    losses = sum(int(n) for n in re.findall(r"^\| Power loss on .*\| (\d+) times \|", matrix, re.M))
    for what, text, measured in (("power cuts", r"may leave, ([\d,]+) of them", states), ("power losses", r"; ([\d,]+) on ext4", losses),
                                 ("damages", r"damaged bytes: ([\d,]+) times", damages)):
        check(claimed(text) <= measured, f"README tells of {claimed(text):.0f} {what}, the crash matrix of {measured}")
    accepted, arrived = re.search(r"first event acknowledged (\d+) ms after the mount, all intact events in Kafka ([\d.]+) s", matrix).groups()
    for text, measured in ((r"accepts ([\d.]+) s after the mount", int(accepted) / 1000), (r"are in Kafka after ([\d.]+) s", float(arrived))):
        check(measured / 3 < claimed(text) < measured * 3, f"README says {claimed(text)} s, the crash matrix {measured} s")


def main():
    check_table()
    check_figures()
    check_mentions()
    say("every command has a row")
    world = World()
    for page, rows in ROWS.items():
        for command, how in rows:
            how(world, command)
        say(f"{page}: {len(rows)} commands")
    check("last words" in world.run(f"kcat -C -b {world.kafka.bootstrap} -t door -e -q -X isolation.level=read_committed"),
          "what the dead host's spool held is in Kafka")
    world.agent.terminate()
    check(world.agent.wait(20) == 0, "the agent ends well")


main()
