// messages.js is the list of what is said in a topic, newest last.
import { element } from "./element.js";
import { plural } from "./payload.js";

// A list of any length would make a busy topic slow: the oldest go.
const most = 500;

// MessageList fills two <ol> inside of an element that scrolls: what was said, and below it what is on its way out.
export class MessageList {
  #view;
  #list;
  #outgoing;
  #newest;
  #waiting = []; // lines for the next frame
  #drawing = false;
  #pending = new Map(); // mid → its line

  constructor({ view, list, outgoing, newest }) {
    this.#view = view;
    this.#list = list;
    this.#outgoing = outgoing;
    this.#newest = newest;
    newest.addEventListener("click", () => {
      this.#toEnd();
      view.focus();
    });
    view.addEventListener("scroll", () => {
      if (this.#atEnd()) newest.hidden = true;
    });
    new ResizeObserver(() => {
      if (newest.hidden) this.#toEnd();
    }).observe(view);
  }

  // add appends a message as it came. own says that it is from here.
  add(message, own) {
    this.#pending.get(message.mid)?.remove();
    this.#pending.delete(message.mid);
    this.#append(() => line(describe(message), { own, position: message.position, time: message.time }));
  }

  // note appends a line about the connection. kind is lost, back or gap.
  note(kind, text) {
    this.#append(() => {
      const item = element("li", "note");
      item.dataset.note = kind;
      item.append(element("span", "", text), clock(Date.now()));
      return item;
    });
  }

  // expect shows a message that is on its way out.
  expect(mid, content) {
    const item = line(content, { own: true, mark: "on its way" });
    this.#pending.set(mid, item);
    this.#outgoing.append(item);
    this.#toEnd();
  }

  // settle is for a message that the server has, but does not send back to its publisher.
  settle(mid, content, position) {
    const item = this.#pending.get(mid);
    if (item === undefined) return;
    item.remove();
    this.#pending.delete(mid);
    this.#append(() => line(content, { own: true, position, time: Date.now() }));
  }

  // refuse shows why a message was not sent.
  refuse(mid, why) {
    const item = this.#pending.get(mid);
    if (item === undefined) return;
    item.querySelector(".mark").textContent = `not sent: ${why}`;
    item.classList.add("refused");
    const drop = element("button", "small", "Discard");
    drop.type = "button";
    drop.addEventListener("click", () => {
      item.remove();
      this.#pending.delete(mid);
    });
    item.append(drop);
  }

  // offline says for what is on its way out whether there is a way.
  offline(yes) {
    for (const item of this.#outgoing.querySelectorAll("li:not(.refused) .mark")) {
      item.textContent = yes ? "waits for the connection" : "on its way";
    }
  }

  // clear empties the list.
  clear() {
    this.#waiting = [];
    this.#pending.clear();
    this.#list.replaceChildren();
    this.#outgoing.replaceChildren();
    this.#newest.hidden = true;
  }

  // append draws with the next frame, all that has come together: a burst costs one layout.
  #append(make) {
    this.#waiting.push(make);
    if (this.#waiting.length > most) this.#waiting.shift(); // it would not stay anyway
    if (this.#drawing) return;
    this.#drawing = true;
    if (document.hidden) setTimeout(() => this.#draw(), 200); // no frames are drawn
    else requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = false;
    if (this.#waiting.length === 0) return;
    const atEnd = this.#atEnd();
    const excess = this.#list.children.length + this.#waiting.length - most;
    for (let i = 0; i < excess; i++) this.#list.firstElementChild?.remove();
    this.#list.append(...this.#waiting.map((make) => make()));
    this.#waiting = [];
    if (atEnd) this.#toEnd();
    else this.#newest.hidden = false; // someone who reads further up is left in peace
  }

  #atEnd() {
    const view = this.#view;
    return view.scrollHeight - view.scrollTop - view.clientHeight < 60;
  }

  #toEnd() {
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#newest.hidden = true;
  }
}

// describe returns who said what. Pages like this one send { name, text }; others send anything.
function describe({ data, text, b64 }) {
  if (text !== undefined) return { text };
  if (b64 !== undefined) return { text: plural(atob(b64).length, "byte"), code: true };
  if (typeof data?.text === "string") return { name: typeof data.name === "string" ? data.name : undefined, text: data.text };
  return { text: JSON.stringify(data), code: true };
}

function line({ name, text, code }, { own, position, time, mark }) {
  const item = element("li", own ? "own" : "");
  const who = element("bdi", name ? "name" : "name nobody", name?.slice(0, 80) || "no name");
  const facts = element("span", "facts");
  if (mark) facts.append(element("span", "mark", mark));
  if (time) facts.append(clock(time));
  if (position) {
    const at = element("span", "position", "#" + position.slice(position.indexOf(":") + 1));
    at.title = `position ${position}`;
    facts.append(at);
  }
  const said = element("p", code ? "text mono" : "text", text.length > 10_000 ? text.slice(0, 10_000) + " …" : text);
  said.dir = "auto";
  item.append(who, facts, said);
  return item;
}

function clock(time) {
  const at = new Date(time);
  const e = element("time", "", at.toLocaleTimeString("en-GB"));
  e.dateTime = at.toISOString();
  e.title = at.toLocaleString();
  return e;
}
