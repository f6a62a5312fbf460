// connection.js is one WebSocket at a time: its life, its numbers, and its return after a loss.
import { Backoff } from "./backoff.js";
import { bytes, describe, millis, same, sizeOf } from "./payload.js";

// Connection tells every event of its WebSocket to log, and calls show with its facts whenever they change.
export class Connection {
  #log;
  #show;
  #socket = null;
  #target = null; // what the last connect asked for
  #comeBack = false;
  #backoff = new Backoff();
  #timer = null; // the wait before a return
  #watch = null; // polls bufferedAmount, for which there is no event
  #pending = []; // what was sent to an echo and did not return yet
  #facts = {};

  constructor(log, show) {
    this.#log = log;
    this.#show = show;
    this.#reset();
    this.#change({ state: "closed", label: "closed" });
  }

  // connect opens url; a connection that is open is closed first. With echoes set, each message received is taken
  // as the return of the oldest one on its way.
  connect(url, offered, echoes) {
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#target = { url, offered, echoes };
    this.#open();
  }

  // comeBack chooses whether a lost connection is opened again.
  comeBack(on) {
    this.#comeBack = on;
    if (!on && this.#timer !== null && this.#facts.state === "closed") {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#change({ label: "closed" });
    }
  }

  // send sends a string as text, a Uint8Array as binary.
  send(data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new Error("The connection is not open.");
    const size = sizeOf(data);
    if (this.#target.echoes) this.#pending.push({ data, at: performance.now() });
    this.#socket.send(data);
    this.#log.add("sent", describe(data, size));
    this.#facts.sent.messages++;
    this.#facts.sent.size += size;
    this.#watchBuffer();
    this.#change({});
  }

  // close starts the closing handshake; the browser throws if it does not allow the code or the reason.
  close(code, reason) {
    if (this.#socket === null) return;
    if (code === "" && reason !== "") throw new Error("A reason needs a code.");
    if (code === "") this.#socket.close();
    else {
      if (!/^\d+$/.test(code)) throw new Error("The code is a number, such as 1000.");
      this.#socket.close(Number(code), reason);
    }
    this.#socket.asked = true;
    this.#change({ state: "closing", label: "closing" });
  }

  #open() {
    this.#timer = null;
    this.#abandon();
    const { url, offered } = this.#target;
    const started = performance.now();
    let socket;
    try {
      socket = new WebSocket(url, offered);
    } catch (error) {
      // The constructor throws on a subprotocol that is not a token or is given twice.
      this.#log.add("error", error.message);
      this.#change({ state: "closed", label: "closed" });
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#reset();
    this.#change({ state: "connecting", label: "connecting" });

    let opened = null;
    socket.onopen = () => {
      opened = performance.now();
      this.#backoff.reset();
      this.#log.add("open", url.replace(/^wss?:\/\/[^/]*/, ""), [
        ["after", millis(opened - started)],
        ["subprotocol", socket.protocol || "none"],
        ["extensions", socket.extensions || "none"],
      ]);
      this.#change({
        state: "open",
        label: "open",
        live: true,
        openedIn: opened - started,
        subprotocol: socket.protocol,
        extensions: socket.extensions,
      });
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#received(event.data); // one that was replaced has nothing to say
    };
    socket.onerror = () => this.#log.add("error", "the browser does not tell scripts why");
    socket.onclose = (event) => {
      this.#log.add("close", event.reason ? `“${event.reason}”` : "", [
        ["code", `${event.code}${codeName(event.code)}`],
        ["wasClean", String(event.wasClean)],
        opened === null ? ["after", millis(performance.now() - started)] : ["open for", millis(performance.now() - opened)],
      ]);
      if (this.#socket !== socket) return; // another one has taken its place
      this.#socket = null;
      clearInterval(this.#watch);
      const label = `closed: ${event.code}`;
      this.#change({ state: "closed", label, live: false, buffered: 0 });
      if (this.#comeBack && !socket.asked) this.#later(label);
    };
  }

  #received(data) {
    const now = performance.now();
    const content = typeof data === "string" ? data : new Uint8Array(data);
    const size = sizeOf(content);
    const marks = [];
    const origin = this.#pending.shift();
    if (origin !== undefined) {
      this.#facts.rtt = now - origin.at;
      marks.push(["after", millis(this.#facts.rtt)]);
      marks.push(same(content, origin.data) ? ["same as sent", ""] : ["differs from", bytes(sizeOf(origin.data)) + " sent"]);
    }
    this.#log.add("message", describe(content, size), marks);
    this.#facts.received.messages++;
    this.#facts.received.size += size;
    this.#change({});
  }

  // later opens again after a wait, and counts it down in the label.
  #later(label) {
    const wait = this.#backoff.next();
    const due = performance.now() + wait;
    const tick = () => {
      const left = due - performance.now();
      if (left <= 0) return this.#open();
      this.#change({ label: `${label}, back in ${Math.ceil(left / 1000)} s` });
      this.#timer = setTimeout(tick, Math.min(left, 1000));
    };
    tick();
  }

  // abandon lets go of the present socket: its end is still logged, but no longer concerns this connection.
  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    clearInterval(this.#watch);
    socket?.close(1000, "replaced");
  }

  #watchBuffer() {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      const buffered = this.#socket?.bufferedAmount ?? 0;
      if (buffered === 0) clearInterval(this.#watch);
      this.#change({ buffered });
    }, 50);
  }

  #reset() {
    this.#pending = [];
    this.#facts = {
      ...this.#facts,
      live: false,
      openedIn: null,
      rtt: null,
      buffered: 0,
      sent: { messages: 0, size: 0 },
      received: { messages: 0, size: 0 },
    };
  }

  #change(facts) {
    Object.assign(this.#facts, facts);
    this.#show(this.#facts);
  }
}

// The names of RFC 6455 section 7.4.1 for the codes that a browser may see.
const names = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no status received",
  1006: "abnormal closure",
  1007: "invalid payload",
  1008: "policy violation",
  1009: "message too big",
  1011: "internal error",
  1012: "service restart",
  1013: "try again later",
};

function codeName(code) {
  return code in names ? ` (${names[code]})` : "";
}
