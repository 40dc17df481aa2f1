# SPDX-License-Identifier: MIT
"""Whatever comes in: a clear answer, the process stays, and nothing that was acknowledged is lost. Needs no Kafka."""
import json
import os
import resource
import shutil
import socket
import subprocess
import time

from harness import PROGRAM, Agent, check, say, seed_from_environment, temporary_directory, wait_until

random = seed_from_environment()
directory = temporary_directory()
agent = Agent(directory, "127.0.0.1:1", extra="topics:\n  max: 50")
agent.start()


def raw(data, seconds=3):
    """Sends bytes as they are and returns what comes back until the connection ends or falls silent."""
    with socket.create_connection(("127.0.0.1", agent.port), timeout=seconds) as s:
        answer = b""
        try:
            s.sendall(data)
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                answer += piece
        except OSError:
            pass
        return answer


say("garbage, truncated and odd requests")
good = b"POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
for data in (b"\x00\x01\x02\xff" * 100, b"GET", b"POST /topics/t HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", os.urandom(5000), good[:-3]):
    raw(data, 0.3)
for _ in range(100):
    broken = bytearray(good)
    for _ in range(random.randrange(1, 4)):
        broken[random.randrange(len(broken))] = random.randrange(256)
    raw(bytes(broken), 0.05)
check(agent.alive(), "the agent survives garbage")
before = agent.status()["accepted"]

say("answers with a status and a reason")
v2, binary = "application/vnd.kafka.json.v2+json", "application/vnd.kafka.binary.v2+json"
cases = [
    ("POST", "/nothing", b"", None, 404), ("GET", "/topics/t", None, None, 405), ("DELETE", "/topics/t", None, None, 405),
    ("POST", "/topics/b%20d", b"x", None, 422), ("POST", "/topics/..", b"x", None, 422), ("POST", "/topics/" + "x" * 250, b"x", None, 422),
    ("POST", "/topics/t/partitions/x", b"x", None, 404), ("POST", "/topics/t?timestamp=soon", b"x", None, 422),
    ("POST", "/topics/t?key=%zz", b"x", None, 400), ("POST", "/topics/t", b"x", "application/vnd.kafka.avro.v2+json", 415),
    ("POST", "/topics/t", b"", v2, 422), ("POST", "/topics/t", b"{", v2, 422), ("POST", "/topics/t", b"[]", v2, 422),
    ("POST", "/topics/t", b'{"records":[]}', v2, 422), ("POST", "/topics/t", b'{"records":{}}', v2, 422),
    ("POST", "/topics/t", b'{"records":[{"value":"%%%"}]}', binary, 422), ("POST", "/topics/t", b'{"records":[{"value":1}]}', binary, 422),
    ("POST", "/topics/t", b'{"records":[{"partition":"1","value":1}]}', v2, 422),
    ("POST", "/topics/t", b'{"records":[{"value":1,"value":2}]}', v2, 422),
    ("POST", "/topics/t", b'{"records":[{"value":' + b"[" * 200 + b"]" * 200 + b"}]}", v2, 422),
    ("POST", "/topics/t", b"\n\n\n", "application/x-ndjson", 422), ("POST", "/topics/t", b"x" * 1000001, None, 413),
    ("POST", "/topics/t", b"a\n" + b"x" * 1000001 + b"\n", "application/x-ndjson", 413),
]
for method, path, body, content_type, expected in cases:
    code, _, answer = agent.request(method, path, body, {"Content-Type": content_type} if content_type else {"Content-Type": "text/plain"})
    check(code == expected, f"{method} {path[:40]} {(body or b'')[:40]!r} {content_type}: {code}, not {expected}: {answer[:200]!r}")
    if method != "GET" or expected != 404:
        problem = json.loads(answer)
        check(problem["error_code"] // 100 == expected and problem["message"], f"{path[:40]}: {answer[:200]!r}")
check(raw(b"POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello!", 1)
      .startswith(b"HTTP/1.1 400"), "two lengths")
answer = raw(b"POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 100000, 2)
check(answer.startswith(b"HTTP/1.1 413"), f"an oversized body is refused before it is read: {answer[:100]!r}")
check(agent.status()["accepted"] == before, "a refused request stores nothing")

say("bad JSON at every position")
text = b'{"records":[{"key":"k","value":{"a":[1,2.5e3,"s\\u0041"]},"partition":1,"timestamp":5,"headers":[{"key":"h","value":"YQ=="}]}]}'
for at in range(len(text)):
    for replacement in (b"", b"\x00", b'"', b"}", b"\xff"):
        code = agent.post("mutated", text[:at] + replacement + text[at + 1:], v2)[0]
        check(code in (200, 422), f"mutation at {at}: {code}")

say("bad base64 at every position")
good_base64 = "SGVsbG8sIHdvcmxkIQ=="
for at in range(len(good_base64)):
    for replacement in ("", "*", "=", "\\u0000", "-"):
        text64 = good_base64[:at] + replacement + good_base64[at + 1:]
        code = agent.post("mutated", b'{"records":[{"value":"%s"}]}' % text64.encode(), binary)[0]
        valid = text64 == good_base64
        check(code == (200 if valid else 422), f"base64 {text64!r}: {code}")

say("more topics than topics.max")
codes = [agent.post(f"topic-{i}", b"x")[0] for i in range(60)]
check(codes[0] == 200 and codes[-1] == 422, f"topics beyond the limit: {codes}")

say("a client that leaves while its request is being committed")
for i in range(200):
    s = socket.create_connection(("127.0.0.1", agent.port))
    s.sendall(good)
    s.close()
check(agent.alive() and agent.post("t", b"still here")[0] == 200, "the agent serves on")

say("10,000 connections that send nothing; a new client is served within 1 s")
resource.setrlimit(resource.RLIMIT_NOFILE, (min(12000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
silent = []
for i in range(10000):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.connect(("127.0.0.1", agent.port))
    except BlockingIOError:
        pass
    except OSError:
        s.close()
        continue
    silent.append(s)
    if i % 1000 == 999:
        start = time.time()
        code = agent.post("t", b"in between")[0]
        took = time.time() - start
        check(code == 200 and took < 1, f"with {i + 1} silent connections: {code} after {took:.2f} s")
say(f"{len(silent)} opened")
for s in silent:
    s.close()
check(agent.alive(), "the agent survives silence")

say("nothing acknowledged is lost")
accepted = agent.status()["accepted"]
agent.kill()
agent.start()
books = wait_until(agent.books_balance, 30, "the books balance")
check(books["accepted"] >= accepted, f"accepted {books['accepted']} after the restart, {accepted} before")
agent.stop()


def run_spool(path, user=None):
    config = os.path.join(directory, "other.yaml")
    with open(config, "w") as f:
        f.write(f"spool:\n  path: {path}\n  create: true\n  mount_wait: 1s\nlisten:\n  http: ['127.0.0.1:0']\nkafka:\n  bootstrap.servers: 127.0.0.1:1\n")
    os.chmod(config, 0o644)
    os.chmod(directory, 0o755)
    done = subprocess.run([PROGRAM, "run", "--config", config], stderr=subprocess.PIPE, stdout=subprocess.PIPE, timeout=20, user=user)
    return done.returncode, done.stderr.decode()


say("a spool path that is a file, below a file, or not writable")
file_path = os.path.join(directory, "file")
open(file_path, "w").close()
for path in (file_path, file_path + "/below"):
    code, text = run_spool(path)
    check(code == 1 and path in text, f"spool at {path}: {code} {text}")
if os.getuid() == 0:
    closed = os.path.join(directory, "closed")
    os.mkdir(closed, 0o755)
    code, text = run_spool(closed + "/spool", user=65534)
    check(code == 1 and "ermission" in text, f"a directory that can't be written: {code} {text}")
    shutil.copytree(os.path.join(directory, "spool"), os.path.join(closed, "spool"), ignore=shutil.ignore_patterns("admin.sock"))
    for mode in (0o500, 0o555):   # somebody else's spool; one that can be read but not written
        subprocess.run(["chmod", "-R", f"a-w,{'u' if mode == 0o500 else 'a'}+rX", closed + "/spool"], check=True)
        code, text = run_spool(closed + "/spool", user=65534)
        check(code == 1 and "ermission" in text and closed in text, f"a spool that can't be written: {code} {text}")

say("a second agent on the same spool is told who has it")
agent.start()
code, text = run_spool(os.path.join(directory, "spool"))
check(code == 1 and f"process {agent.process.pid}" in text, f"the second agent: {code} {text}")
agent.stop()
say("ok")
