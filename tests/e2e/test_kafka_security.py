# SPDX-License-Identifier: MIT
"""TLS and SASL to a real broker: PLAIN, SCRAM, client certificates; what is wrong is named, nothing is lost meanwhile, and no secret
is in the log, in any page, or in the process list."""
import os
import re
import subprocess

from harness import Agent, Kafka, check, consume, free_port, say, temporary_directory, wait_until
from kafka_admin import client_version, create_topic

PASSWORDS = {"plain": "pl41n-s3cret", "scram": "scr4m-s3cret", "key": "k3y-s3cret"}
pki = temporary_directory()


def path(name):
    return os.path.join(pki, name)


def openssl(*words):
    done = subprocess.run(["openssl", *words], cwd=pki, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"openssl {' '.join(words)}: {done.stdout.decode(errors='replace')}")


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)


def read(name):
    with open(path(name)) as f:
        return f.read()


def authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, signer, subject, alternative):
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    write(f"{name}.ext", f"subjectAltName={alternative}\n")
    openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")


authority("ca")
authority("stranger")
certificate("server", "ca", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
certificate("elsewhere", "ca", "/CN=elsewhere", "DNS:kafka.elsewhere.example")
certificate("client", "ca", "/CN=penstock", "DNS:penstock")
openssl("pkcs8", "-topk8", "-in", "client.key", "-out", "client.enc.key", "-passout", f"pass:{PASSWORDS['key']}")
for name in ("server", "elsewhere"):    # the key and its certificate in one file, as Kafka's PEM stores want them
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", f"{name}.key", "-out", f"{name}.p8")
    write(f"{name}.store.pem", read(f"{name}.p8") + read(f"{name}.pem"))
for name, word in PASSWORDS.items():
    write(f"{name}.password", word + "\n")

SCRAM_ADVICE = "brokers from Kafka 4 on refuse SCRAM"


class SecureKafka(Kafka):
    """With a listener for each way of being secure. The one for the test itself is open."""

    def __init__(self, version=None):
        super().__init__(version=version)
        self.ports = {name: free_port() for name in ("SASLTLS", "MUTUAL", "WRONGNAME")}
        listeners = "".join(f",{name}://127.0.0.1:{port}" for name, port in self.ports.items())
        login = "org.apache.kafka.common.security"
        self.settings["KAFKA_FORMAT"] = f"--add-scram SCRAM-SHA-512=[name=scram,password={PASSWORDS['scram']}]"
        self.settings["KAFKA_PROPS"] = f"""listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.port + 1}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}{listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASLTLS:SASL_SSL,MUTUAL:SSL,WRONGNAME:SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasltls.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_plain="{PASSWORDS['plain']}";
listener.name.sasltls.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={path('server.store.pem')}
ssl.truststore.type=PEM
ssl.truststore.location={path('ca.pem')}
listener.name.mutual.ssl.client.auth=required
listener.name.wrongname.ssl.keystore.type=PEM
listener.name.wrongname.ssl.keystore.location={path('elsewhere.store.pem')}
"""
        self.start()


def sasl(mechanism, user, password):
    return f"""  security.protocol: sasl_ssl
  ssl.ca.location: {path('ca.pem')}
  sasl.mechanisms: {mechanism}
  sasl.username: {user}
  sasl.password: {password}
"""


def tls(ca, extra=""):
    return f"  security.protocol: ssl\n  ssl.ca.location: {path(ca + '.pem')}\n{extra}"


CLIENT = f"  ssl.certificate.location: {path('client.pem')}\n  ssl.key.location: {path('client.enc.key')}\n  ssl.key.password: file:{path('key.password')}\n"
GOOD = {
    "plain": ("SASLTLS", sasl("PLAIN", "plain", f"file:{path('plain.password')}")),
    "scram": ("SASLTLS", sasl("SCRAM-SHA-512", "scram", "${SCRAM_WORD}")),
    "certificate": ("MUTUAL", tls("ca", CLIENT)),
}
# what is wrong -> what the log says about it
BAD = {
    "wrong-password": ("SASLTLS", sasl("PLAIN", "plain", "not-the-" + PASSWORDS["plain"]), "kafka_refuses.*[Aa]uthentication.*check sasl.mechanisms"),
    "unknown-authority": ("MUTUAL", tls("stranger", CLIENT), "kafka_refuses.*check security.protocol, ssl.ca.location"),
    "no-certificate": ("MUTUAL", tls("ca"), "sslv3 alert bad certificate|certificate required"),
    "another-host": ("WRONGNAME", tls("ca"), "kafka_refuses.*the names in the broker's certificate"),
    "no-tls": ("SASLTLS", "  security.protocol: plaintext\n", "kafka_unreachable.*is security.protocol right"),
}


def secrets_in(text):
    return [word for word in PASSWORDS.values() if word in text]


def check_secrets(agent, log):
    for page in ("/status", "/metrics", "/readyz", "/"):
        check(not secrets_in(str(agent.get(page)[-1])), f"a secret in {page}")
    with open(f"/proc/{agent.process.pid}/cmdline") as f:
        check(not secrets_in(f.read()), "a secret in the process list")
    check(not secrets_in(log), "a secret in the log")


def make_agent(kafka, listener, settings, mode="exactly_once"):
    agent = Agent(temporary_directory(), f"127.0.0.1:{kafka.ports[listener]}", kafka_extra=settings, extra=f"bridge:\n  delivery: {mode}\n")
    agent.environment = {**os.environ, "SCRAM_WORD": PASSWORDS["scram"]}
    return agent


def log_of(agent):
    with open(agent.log_path, errors="replace") as f:
        return f.read()


def deliver(kafka, name, mode):
    listener, settings = GOOD[name]
    topic = f"{name}-{mode}"
    create_topic(kafka.bootstrap, topic)
    agent = make_agent(kafka, listener, settings, mode)
    agent.start()
    for i in range(20):
        check(agent.post(topic, f"{topic} {i}".encode())[0] == 200, "taken")
    agent.wait_drained(40)
    check_secrets(agent, log_of(agent))
    agent.stop()
    check(not secrets_in(log_of(agent)), "a secret in the log")
    check(sorted(row[4] for row in consume(kafka.bootstrap, topic)) == sorted(f"{topic} {i}" for i in range(20)), f"all of {topic}")
    say(f"{topic}: delivered, no secret anywhere")


def refuse(kafka, name, listener, settings, words):
    """Taken while Kafka refuses; the log says why, shortly; once the settings are put right it arrives."""
    agent = make_agent(kafka, listener, settings)
    agent.start()
    check(agent.post("later", name.encode())[0] == 200, "events are taken while Kafka refuses")
    wait_until(lambda: re.search(words, log_of(agent)), 20, f"the log says {words}")
    say(f"{name}: " + next(line for line in log_of(agent).splitlines() if re.search(words, line))[:400])
    check_secrets(agent, log_of(agent))
    check(agent.status()["pending"] == 1, "it is still pending")
    agent.stop()
    check(len(log_of(agent).splitlines()) < 60, f"{name}: the log stays short")
    good_listener, good = GOOD["plain"]
    with open(agent.config) as f:
        text = f.read()
    with open(agent.config, "w") as f:
        f.write(text.replace(settings, good).replace(f"127.0.0.1:{kafka.ports[listener]}", f"127.0.0.1:{kafka.ports[good_listener]}"))
    agent.start()
    agent.wait_drained(40)
    agent.stop()


kafka = SecureKafka()
for mode in ("exactly_once", "at_least_once"):
    deliver(kafka, "plain", mode)
    deliver(kafka, "certificate", mode)
if client_version() < (2, 6, 1):
    BAD["scram"] = (*GOOD["scram"], SCRAM_ADVICE)
else:
    deliver(kafka, "scram", "exactly_once")
for name, (listener, settings, words) in BAD.items():
    refuse(kafka, name, listener, settings, words)
check(sorted(row[4] for row in consume(kafka.bootstrap, "later")) == sorted(BAD), "all that was taken while Kafka refused")
kafka.kill()

kafka = SecureKafka(version="3.9.1")   # there every client can do SCRAM
for mode in ("exactly_once", "at_least_once"):
    deliver(kafka, "scram", mode)
kafka.kill()
