// parley.js is a small client for parley.v1, the protocol of /ws: one connection that comes back by itself, and the
// topics on it. It knows nothing of the page. docs/protocol.md in the repository describes each frame.
//
//   const client = new Client("wss://example.com/ws");
//   const lobby = client.topic("chat/lobby", { onmessage: (m) => console.log(m.data ?? m.text) });
//   client.open();
//   await lobby.publish({ text: "hello" }).done;
import { Backoff } from "./backoff.js";

// What a command fails with while there is no connection. The next connection is worth another try.
const lost = { code: "lost", text: "the connection was lost", retry: true };

// Where nothing is heard for so long after a question, nobody is there any more.
const patience = 10_000; // ms

// After a connection that stood for so long the waits begin anew. One that ends at once has not helped.
const stood = 20_000; // ms

// Client is the connection. onstate gets
//
//   { state: "connecting" }
//   { state: "open", session, node }
//   { state: "waiting", wait, restart }   the next attempt is in wait ms; restart: the server has said when to come back
//   { state: "refused", code, text }      coming back as before would be refused again
//   { state: "closed" }
//
// and onnotice what the server wants a person to know.
export class Client {
  #url;
  #options;
  #socket = null;
  #ready = false; // the server has let us in
  #since = 0; // when it did
  #topics = new Map();
  #replies = new Map(); // id → what to do with the answer
  #lastId = 0;
  #backoff = new Backoff();
  #returnAt = null; // when the server wants us back
  #timer = null; // until the next attempt
  #watch = null; // until the silence is too long
  #silence = 25_000;
  #frameBytes = Infinity;

  constructor(url, options = {}) {
    this.#url = url;
    this.#options = options;
  }

  // open connects now, also where the next attempt would be later. A token stays for later connections.
  open(token) {
    if (token !== undefined) this.#options.token = token;
    clearTimeout(this.#timer);
    if (this.#socket !== null) return;
    this.#state({ state: "connecting" });
    const socket = new WebSocket(this.#url, "parley.v1");
    this.#socket = socket;
    this.#watch = setTimeout(() => this.#lost(1006, ""), patience);
    socket.onopen = () => this.#connect();
    socket.onmessage = (event) => this.#received(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code, event.reason);
  }

  // close says goodbye, so that others see at once who has left. After open all goes on.
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    for (const topic of this.#topics.keys()) this.request({ type: "leave", topic }).catch(() => {});
    this.#abandon();
    socket?.close(1000);
    this.#state({ state: "closed" });
  }

  // topic returns a topic that is subscribed to whenever there is a connection.
  topic(name, options) {
    const topic = new Topic(this, name, options, () => {
      if (this.#topics.get(name) === topic) this.#topics.delete(name);
    });
    this.#topics.set(name, topic);
    if (this.#ready) topic.resume();
    return topic;
  }

  // request sends a command and returns its answer, or throws { code, text, retry, after_ms }.
  request(command) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) return reject(lost);
      const id = ++this.#lastId;
      const text = JSON.stringify({ ...command, id });
      if (new Blob([text]).size > this.#frameBytes) {
        return reject({ code: "too_large", text: `more than ${this.#frameBytes} bytes`, retry: false });
      }
      this.#replies.set(id, { resolve, reject });
      this.#socket.send(text);
    });
  }

  async #connect() {
    try {
      const { name = "talk", token } = this.#options;
      const hello = await this.request({ type: "connect", name, token });
      this.#ready = true;
      this.#since = performance.now();
      this.#silence = hello.ping_ms ?? this.#silence;
      this.#frameBytes = hello.frame_bytes ?? Infinity;
      this.#state({ state: "open", session: hello.session, node: hello.node });
      for (const topic of this.#topics.values()) topic.resume();
    } catch (error) {
      this.#returnIn(error.after_ms); // the close that follows says the rest
    }
  }

  #received(frame) {
    this.#listen();
    if (frame.re !== undefined) {
      const reply = this.#replies.get(frame.re);
      this.#replies.delete(frame.re);
      if (frame.type === "error") reply?.reject(frame.error);
      else reply?.resolve(frame);
      return;
    }
    if (frame.type === "notice") {
      if (frame.code === "going_away") this.#returnIn(frame.after_ms);
      this.#options.onnotice?.(frame);
      return;
    }
    this.#topics.get(frame.topic)?.received(frame);
  }

  // listen waits for the next sign of life: pages do not see the server's pings. Then it asks for one.
  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.request({ type: "ping" }).catch(() => {}); // the answer is heard, as any frame
      this.#watch = setTimeout(() => this.#lost(1006, ""), patience);
    }, this.#silence);
  }

  #returnIn(ms) {
    if (ms !== undefined) this.#returnAt = performance.now() + ms;
  }

  // lost is called when the connection has ended, or nobody answers on it any more.
  #lost(code, reason) {
    const lived = this.#ready ? performance.now() - this.#since : 0;
    const socket = this.#socket;
    this.#abandon();
    socket?.close();
    if (final(code)) {
      const [, name, text] = reason.match(/^(\w+): (.*)$/s) ?? ["", "", reason];
      this.#state({ state: "refused", code: name, text });
      return;
    }
    if (lived > stood) this.#backoff.reset();
    const restart = this.#returnAt !== null;
    const wait = Math.max(0, this.#returnAt - performance.now()) + this.#backoff.next();
    this.#returnAt = null;
    this.#timer = setTimeout(() => this.open(), wait);
    this.#state({ state: "waiting", wait, restart });
  }

  // abandon lets go of the socket: whatever still comes from it is too late.
  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    clearTimeout(this.#watch);
    if (socket !== null) socket.onopen = socket.onmessage = socket.onclose = null;
    for (const reply of this.#replies.values()) reply.reject(lost);
    this.#replies.clear();
  }

  #state(state) {
    this.#options.onstate?.(state);
  }
}

// Topic is one topic of a client. Its options:
//
//   history        how many of the last messages to begin with
//   meta           what to say about oneself to those who see who is present
//   onsubscribed   { resumed, recovered, replayed, missing }, before the messages that follow; after a return,
//                  recovered says that exactly the replayed ones were missed. Otherwise missing is how many are
//                  gone at most, undefined if nobody knows
//   onmessage      a message as it came
//   ongap          { count, reason }: the server had to leave messages out
//   onmembers      all who are present, or null where that is not told
//   onerror        { code, text }: the subscription failed or was ended
export class Topic {
  #client;
  #options;
  #forget;
  #position; // of the last message, or where the subscription began
  #held = null; // messages that wait for older ones
  #members = new Map();
  #outbox = []; // what is published, oldest first
  #sending = false;
  #timer = null;
  #left = false;
  #producer = newId(); // with the number of a message it tells a message from its repetition, over connections
  #published = 0;

  constructor(client, name, options = {}, forget) {
    this.name = name;
    this.#client = client;
    this.#options = options;
    this.#forget = forget;
  }

  // position is where this topic goes on after a loss.
  get position() {
    return this.#position;
  }

  // publish sends now or as soon as there is a connection: each message once, in this order. It returns the
  // message's id, and a promise for the answer with its position.
  publish(data) {
    const mid = `${this.#producer}-${++this.#published}`;
    const done = new Promise((resolve, reject) => {
      this.#outbox.push({ command: { type: "publish", topic: this.name, producer: this.#producer, mid, data }, resolve, reject });
    });
    this.#flush();
    return { mid, done };
  }

  // mine tells whether a message was published here.
  mine(message) {
    return message.mid?.startsWith(this.#producer + "-") ?? false;
  }

  // enter changes what is said about oneself.
  async enter(meta) {
    this.#options.meta = meta;
    await this.#client.request({ type: "enter", topic: this.name, meta });
  }

  // leave ends the subscription and one's presence. What was published before is still sent.
  leave() {
    clearTimeout(this.#timer);
    this.#left = true;
    if (this.#outbox.length === 0) this.#forget();
    for (const type of ["leave", "unsubscribe"]) this.#client.request({ type, topic: this.name }).catch(() => {});
  }

  // resume subscribes on a new connection, from the last position on. The client calls it.
  async resume() {
    if (this.#left) return this.#flush();
    clearTimeout(this.#timer);
    const since = this.#position;
    this.#held = null;
    try {
      const reply = await this.#subscribe(since);
      if (this.#left) return;
      this.#members = new Map(reply.members?.map((member) => [member.ref, member]));
      this.#options.onmembers?.(reply.members ?? null);
      if (since !== undefined && reply.recovered !== true) await this.#begin(since, reply);
      else {
        if (!reply.replayed) this.#position = reply.position; // otherwise each message moves it
        this.#options.onsubscribed?.({ resumed: since !== undefined, recovered: true, replayed: reply.replayed ?? 0 });
      }
      if (this.#options.meta && reply.members) this.enter(this.#options.meta).catch(() => {});
      this.#flush();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error) {
    if (error.code === "lost" || this.#left) return; // the next connection resumes
    if (error.retry) this.#timer = setTimeout(() => this.resume(), error.after_ms ?? 2000);
    else this.#options.onerror?.(error);
  }

  async #subscribe(since) {
    const plain = { type: "subscribe", topic: this.name };
    try {
      const from = since ? { since } : { history: this.#options.history ?? 0 };
      return await this.#client.request({ ...plain, ...from, presence: true });
    } catch (error) {
      if (error.code !== "forbidden" || this.#left) throw error;
      return await this.#client.request(plain); // perhaps only the past and the others are not for us
    }
  }

  // begin goes on where resuming was not possible, with what the server still has.
  async #begin(since, reply) {
    this.#held = [];
    const history = await this.#client.request({ type: "history", topic: this.name, limit: 100 }).catch((error) => {
      if (error.code === "lost") throw error;
      return { messages: [] };
    });
    if (this.#left) return;
    const [was, tail] = [parse(since), parse(reply.position)];
    const sameEpoch = was.epoch === tail.epoch;
    const kept = history.messages.filter((m) => {
      const at = parse(m.position);
      return at.epoch === tail.epoch && at.offset <= tail.offset && (!sameEpoch || at.offset > was.offset);
    });
    const before = kept.length > 0 ? parse(kept[0].position).offset - 1n : tail.offset;
    const missing = sameEpoch ? Number(before - was.offset) : undefined;
    this.#options.onsubscribed?.({ resumed: true, recovered: missing === 0, replayed: kept.length, missing });
    const held = this.#held;
    this.#held = null;
    this.#position = reply.position;
    for (const message of kept) this.#options.onmessage?.(message);
    for (const frame of held) this.received(frame);
  }

  // received takes what comes by itself. The client calls it.
  received(frame) {
    if (this.#left) return;
    if (this.#held !== null && (frame.type === "message" || frame.type === "gap")) {
      this.#held.push(frame);
      return;
    }
    switch (frame.type) {
      case "message":
        this.#options.onmessage?.(frame);
        this.#position = frame.position;
        break;
      case "gap":
        this.#position = frame.tail ?? this.#position;
        this.#options.ongap?.(frame);
        break;
      case "presence":
        for (const member of frame.leaves) this.#members.delete(member.ref);
        for (const member of frame.joins) this.#members.set(member.ref, member); // also who says something new
        this.#options.onmembers?.([...this.#members.values()]);
        break;
      case "unsubscribed":
        this.#failed(frame.error ?? { code: "disconnected", text: "the server has ended the subscription", retry: false });
    }
  }

  // flush sends one message after the other, so that they keep their order, and again what may have been lost: the
  // server recognises a message that it has by producer and mid.
  async #flush() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#outbox.length > 0) {
      const { command, resolve, reject } = this.#outbox[0];
      try {
        const reply = await this.#client.request(command);
        this.#outbox.shift();
        resolve(reply);
      } catch (error) {
        if (error.code === "lost") break; // the next connection flushes
        if (error.retry) {
          await new Promise((wake) => setTimeout(wake, error.after_ms ?? 2000));
          continue;
        }
        this.#outbox.shift();
        reject(error);
      }
    }
    this.#sending = false;
    if (this.#left && this.#outbox.length === 0) this.#forget();
  }
}

// final says of a close code that coming back as before would end the same way.
function final(code) {
  return [1002, 1003, 1007].includes(code) || (code >= 4400 && code < 4500 && code !== 4408 && code !== 4429);
}

// parse takes a position apart: positions of one epoch can be compared, and offsets have up to 64 bits.
function parse(position) {
  const [epoch, offset] = position.split(":");
  return { epoch, offset: BigInt(offset) };
}

// newId returns what nobody else has.
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(36).padStart(2, "0")).join("");
}
