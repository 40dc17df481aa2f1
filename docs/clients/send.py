#!/usr/bin/env python3
"""Sends one event and waits until it is on disk: send.py http://127.0.0.1:8080/topics/door 'door opened'"""
import http.client
import sys
import time
import urllib.error
import urllib.request

TIMEOUT_S, PAUSE_S = 30, 1


def send(url, event):
    """Returns the event's id. What isn't known to be stored is sent again: a consumer may see it twice, but never not at all."""
    while True:
        try:
            request = urllib.request.Request(url, data=event, headers={"Content-Type": "application/octet-stream"})
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return answer.headers["Penstock-Last-Event-Id"]
        except urllib.error.HTTPError as error:
            if error.code != 503:   # the request itself is wrong
                raise SystemExit(f"{error.code}: {error.read().decode()}") from error
            pause_s = int(error.headers.get("Retry-After", PAUSE_S))
        except (OSError, http.client.HTTPException):   # no connection, or no answer
            pause_s = PAUSE_S
        time.sleep(pause_s)


if __name__ == "__main__":
    print(send(sys.argv[1], sys.argv[2].encode()))
