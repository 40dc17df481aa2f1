# SPDX-License-Identifier: MIT
"""The status page in a real browser: its numbers are those of /status, a lane in trouble shows, names are text, it fits a narrow
screen, it says when the agent is gone, and no script, style or request is refused. PENSTOCK_SCREENSHOTS: a directory for pictures."""
import http.server
import json
import os
import threading

from browser import Browser
from harness import Agent, Kafka, check, load, load_result, say, temporary_directory, wait_until
from kafka_admin import create_topic

os.environ["KAFKA_PROPS"] = "auto.create.topics.enable=false"
FIELDS = {"accepted": "accepted", "delivered": "delivered", "pending": "pending", "dead_lettered": "dead_lettered", "lost": "lost"}
SPOOL_FIELDS = ["segments", "backlog_segments", "quarantine_segments", "damaged_segments", "unread_segments", "commit_failures"]
SPOOL_BYTES = ["used_bytes", "free_bytes", "quarantine_bytes"]
READ = """
const text = id => document.getElementById(id).textContent, shown = {};
for (const e of document.querySelectorAll("[id]")) shown[e.id] = e.children.length ? "" : e.textContent;
shown.titles = Object.fromEntries([...document.querySelectorAll("dd[title]")].map(e => [e.id, e.title]));
shown.order = [...document.querySelectorAll("#topics tbody th")].map(e => e.textContent);
shown.problems = [...document.querySelectorAll("#problems li")].map(e => e.textContent);
shown.rows = Object.fromEntries([...document.querySelectorAll("#topics tbody tr")].map(row => [row.querySelector("th").textContent,
  {state: row.querySelector(".state span").textContent, why: row.querySelector("small")?.textContent ?? "",
   ...Object.fromEntries([...row.querySelectorAll("[data-key]")].map(e => [e.dataset.key, e.textContent]))}]));
return shown;
"""


def number(text):
    return int(text.replace(",", "").split()[0])


def same(browser, status):
    """What the page shows, if it shows just that; else None. The free space of the disk moves."""
    shown = browser.run(READ)
    wrong = {k: (shown[k], status[v]) for k, v in FIELDS.items() if shown[k] == "–" or number(shown[k]) != status[v]}
    wrong.update({k: (shown[k], status["spool"][k]) for k in SPOOL_FIELDS if shown[k] == "–" or number(shown[k]) != status["spool"][k]})
    for k in SPOOL_BYTES:
        tolerance = 64 * 2**20 if k == "free_bytes" else 0
        if k not in shown["titles"] or abs(number(shown["titles"][k]) - status["spool"][k]) > tolerance:
            wrong[k] = (shown["titles"].get(k), status["spool"][k])
    for topic, books in status["topics"].items():
        row = shown["rows"].get(topic)
        if row is None or any(number(row[k]) != books[k] for k in FIELDS):
            wrong[topic] = (row, books)
    if shown["version"] != status["version"] or shown["spool_id"] != status["spool_id"]:
        wrong["identity"] = (shown["version"], shown["spool_id"])
    same.wrong = wrong
    return None if wrong else shown


def picture(browser, name):
    folder = os.environ.get("PENSTOCK_SCREENSHOTS")
    if folder:
        browser.screenshot(os.path.join(folder, name + ".png"))


def quiet(browser, what):
    complaints = browser.complaints()
    check(not complaints, f"{what}: the browser complains: {complaints[:3]}")


kafka = Kafka()
kafka.start()
for name in ("door", "orders.v2", "sensor-temperature_outside"):
    create_topic(kafka.bootstrap, name)
agent = Agent(temporary_directory(), kafka.bootstrap)
agent.start()
url = f"http://127.0.0.1:{agent.port}/"
code, headers, page = agent.request("GET", "/")
check(code == 200 and headers["Content-Type"].startswith("text/html") and "default-src 'none'" in headers["Content-Security-Policy"], f"{code} {headers}")
check(len(page) < 32768 and b"http://" not in page and b"https://" not in page, "nothing from outside")
check(agent.request("HEAD", "/")[0] == 200 and agent.request("POST", "/", b"")[0] == 405, "GET and HEAD")

browser = Browser()
browser.open(url)
say("load on some topics, one that isn't there, and an event that can never go")
agent.post("invoices", b"stuck")
agent.post("door/partitions/99", b"dead")
loads = [load(agent, connections=2, events=5, size=100, topics=topic, rate=rate, seconds=10, sender=topic)
         for topic, rate in (("door", 150), ("orders.v2", 60), ("sensor-temperature_outside", 300))]
wait_until(lambda: len(browser.run("return document.getElementById('line-in').getAttribute('points') || ''").split()) >= 4, 30, "a sparkline is drawn")
check(number(browser.run(READ)["rate-in"]) > 0, f"events come in: {browser.run(READ)['rate-in']}")
picture(browser, "load")
for process in loads:
    load_result(process)
wait_until(lambda: agent.status()["pending"] == 1, 30, "all but the stuck event is delivered")
shown = wait_until(lambda: same(browser, agent.status()), 20, "the page shows what /status says")
check(shown["ingest"] == "accepting events" and shown["kafka"] == "1 topic in trouble" and shown["books"] == "books balanced", f"the verdict: {shown}")
row = shown["rows"]["invoices"]
check(row["state"] in ("backing off", "catching up") and shown["rows"]["door"]["state"] == "flowing", f"the lanes: {shown['rows']}")
wait_until(lambda: "topic" in browser.run(READ)["rows"]["invoices"]["why"].lower(), 20, "why it is in trouble")
check(number(shown["dead_lettered"]) == 1 and len(shown["problems"]) == 1, f"the dead letter: {shown['problems']}")
check(shown["order"][0] == "invoices", "trouble comes first")
quiet(browser, "in the ordinary case")
picture(browser, "wide")

say("a screen of 360 pixels, and a dark one")
narrow = Browser(width=360, height=1700, dark=True)
narrow.open(url)
wait_until(lambda: same(narrow, agent.status()), 20, "the same numbers")
width = narrow.run("return [document.documentElement.scrollWidth, window.innerWidth]")
check(width[0] <= 360 and width[1] == 360, f"it is {width} wide")
loads = [load(agent, connections=2, events=5, size=100, topics="door", rate=100, seconds=5, sender="again")]
wait_until(lambda: len(narrow.run("return document.getElementById('line-in').getAttribute('points') || ''").split()) >= 3, 30, "a sparkline is drawn")
picture(narrow, "narrow-dark")
load_result(loads[0])
over = narrow.run("return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 361).map(e => e.id || e.tagName)")
check(not over, f"beyond the edge: {over}")
colours = [b.run("return getComputedStyle(document.body).backgroundColor") for b in (browser, narrow)]
check(colours[0] != colours[1], f"dark is {colours}")
quiet(narrow, "narrow and dark")
narrow.close()

say("an agent that is gone, and comes back")
agent.kill()
wait_until(lambda: browser.run(READ)["ingest"] == "no answer from the agent", 20, "the page says that nobody answers")
picture(browser, "gone")
browser.complaints()   # the refused connections are in them
agent.start()
wait_until(lambda: browser.run(READ)["ingest"] == "accepting events", 20, "it goes on by itself")

say("worst case: names and reasons full of markup, losses, books that don't balance, refusing")
NASTY = "<img src=x onerror=alert(1)><b>x</b>&amp;\"'"
status = agent.status()
status.update(accepted=123456789, delivered=123450000, pending=6000, dead_lettered=42, lost=700, ready=False, reason="spool full " + NASTY, warnings=["on tmpfs " + NASTY])
status["topics"] = {NASTY: {"accepted": 9, "delivered": 1, "pending": 7, "dead_lettered": 1, "lost": 0},
                    "a" * 249: {"accepted": 1, "delivered": 1, "pending": 0, "dead_lettered": 0, "lost": 0}}
status["bridge"]["lanes"] = {NASTY: {"state": "parked", "done_id": "1", "in_flight": 0, "failures": 3, "last_error": NASTY}}


class Fake(http.server.BaseHTTPRequestHandler):
    """The agent's page and policy over a status of our own."""
    def do_GET(self):
        body = page if self.path == "/" else json.dumps(status).encode()
        self.send_response(200)
        self.send_header("Content-Security-Policy", headers["Content-Security-Policy"])
        self.send_header("Content-Type", "text/html; charset=utf-8" if self.path == "/" else "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
threading.Thread(target=server.serve_forever, daemon=True).start()
for width, dark in ((360, False), (1100, True)):
    worst = Browser(width=width, height=1500, dark=dark)
    worst.open(f"http://127.0.0.1:{server.server_port}/")
    shown = wait_until(lambda: same(worst, status), 20, "the numbers")
    check(set(shown["rows"]) == {NASTY, "a" * 249} and shown["rows"][NASTY]["why"] == NASTY, f"names are text: {shown['rows']}")
    check(worst.run("return document.querySelectorAll('img, main b b, #topics b, #problems b').length") == 0, "no markup came in")
    check(shown["books"] == "books off by 47" and shown["ingest"] == "refusing events", f"{shown['books']}, {shown['ingest']}")
    check(any(NASTY in p and "refused" in p for p in shown["problems"]) and len(shown["problems"]) == 4, f"{shown['problems']}")
    check(worst.run("return document.documentElement.scrollWidth") <= width, "no wider than the screen")
    picture(worst, f"worst-{width}")
    quiet(worst, "in the worst case")
    worst.close()
server.shutdown()
agent.stop()
say("done")
