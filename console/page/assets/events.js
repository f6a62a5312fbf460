// events.js is the list of what happened, newest last.
import { element } from "./element.js";

// A list of any length would make a busy page slow: the oldest go.
const most = 400;

const words = { open: "open", sent: "sent", message: "message", error: "error", close: "close" };

// EventLog fills an <ol> inside of an element that scrolls.
export class EventLog {
  #list;

  constructor(list) {
    this.#list = list;
  }

  // add appends an event. What is a string or { type, size, preview, cut }; marks are pairs of name and value.
  add(kind, what, marks = []) {
    const list = this.#list;
    const view = list.parentElement; // it scrolls
    const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 40;

    const item = element("li");
    item.dataset.event = kind;
    item.append(element("time", "", clock()), element("span", "kind", words[kind]));
    const body = element("div", "body");
    const facts = element("p", "marks");
    if (typeof what === "string") {
      if (what) body.append(element("p", "text", what));
    } else {
      if (what.preview) {
        const preview = element("p", what.type === "binary" ? "text mono" : "text", what.preview + (what.cut ? " …" : ""));
        body.append(preview);
      }
      facts.append(mark(what.type, what.size));
    }
    for (const [name, value] of marks) facts.append(mark(name, value));
    if (facts.hasChildNodes()) body.append(facts);
    item.append(body);

    list.append(item);
    while (list.children.length > most) list.firstElementChild.remove();
    if (atEnd) view.scrollTop = view.scrollHeight; // someone who reads further up is left in peace
  }

  // clear empties the list.
  clear() {
    this.#list.replaceChildren();
  }
}

function mark(name, value) {
  const span = element("span", "mark");
  span.append(element("b", "", name), value ? " " + value : "");
  return span;
}

function clock() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}
