// Sends one event and waits until it is on disk: node send.mjs http://127.0.0.1:8080/topics/door 'door opened'   (Node 18 or newer)
const TIMEOUT_MS = 30000, PAUSE_S = 1;

// Returns the event's id. What isn't known to be stored is sent again: a consumer may see it twice, but never not at all.
async function send(url, event) {
  for (;;) {
    let pauseS = PAUSE_S;
    try {
      const answer = await fetch(url, {
        method: "POST", body: event, headers: { "Content-Type": "application/octet-stream" }, signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await answer.text();
      if (answer.status === 200) return answer.headers.get("Penstock-Last-Event-Id");
      if (answer.status !== 503) return Promise.reject(new RangeError(`${answer.status}: ${text}`)); // the request itself is wrong
      pauseS = Number(answer.headers.get("Retry-After") ?? PAUSE_S);
    } catch {
      // no connection, or no answer
    }
    await new Promise((wake) => setTimeout(wake, pauseS * 1000));
  }
}

try {
  console.log(await send(process.argv[2], process.argv[3]));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
