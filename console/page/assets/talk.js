// talk.js wires the page: a topic in, what is said and who is there out.
import { wireCopyButtons } from "./copy.js";
import { MessageList } from "./messages.js";
import { loadName, saveName } from "./name.js";
import { Client, newId } from "./parley.js";
import { plural } from "./payload.js";
import { PeopleList } from "./people.js";

const $ = (id) => document.getElementById(id);
const wsBase = (location.protocol === "https:" ? "wss://" : "ws://") + location.host;
const tab = newId();
let name = loadName();

const messages = new MessageList({ view: $("window"), list: $("messages"), outgoing: $("outgoing"), newest: $("newest") });
const people = new PeopleList({ list: $("people"), count: $("count"), comings: $("comings"), own: tab });
const client = new Client(wsBase + "/ws", { name: "talk", onstate, onnotice });
let topic;
let connected = false;

// The connection, as a person understands it.
let countdown;
function say(state, text) {
  if ($("state").textContent !== text) $("state").textContent = text; // a status is read aloud when it changes
  $("state").dataset.state = state;
}
function onstate({ state, wait, restart, code, text }) {
  clearInterval(countdown);
  $("countdown").textContent = "";
  $("retry").hidden = state !== "waiting" && state !== "refused";
  $("token-form").hidden = !(state === "refused" && (code === "unauthenticated" || code === "expired"));
  if (connected && (state === "waiting" || state === "refused")) {
    messages.note("lost", state === "refused" ? "The server has ended the session" : restart ? "The server is going to stop" : "Connection lost");
  }
  if (state !== "open") {
    connected = false;
    messages.offline(true);
  }
  if (state === "connecting" && topic.position === undefined) say("connecting", "Connecting");
  else if (state === "connecting") say("connecting", "Reconnecting");
  else if (state === "refused") say("refused", text ? `Refused: ${text}` : "Refused");
  else if (state === "waiting") {
    say("waiting", restart ? "The server restarts" : topic.position !== undefined ? "Connection lost" : "No connection");
    const due = performance.now() + wait;
    const tick = () => ($("countdown").textContent = `reconnecting in ${Math.max(0, Math.ceil((due - performance.now()) / 1000))} s`);
    tick();
    countdown = setInterval(tick, 250);
  }
}
function onnotice({ code, text }) {
  if (code !== "going_away") messages.note("lost", text);
}

function onsubscribed({ resumed, recovered, replayed, missing }) {
  connected = true;
  messages.offline(false);
  showPosition();
  if (!resumed) return say("open", "Connected");
  if (recovered) {
    const text = replayed > 0 ? `Resumed: nothing missed, ${plural(replayed, "message")} replayed` : "Resumed: nothing missed";
    say("open", text);
    messages.note("back", text);
    return;
  }
  say("gap", missing ? "Resumed: messages were missed" : "Resumed: messages may be missing");
  messages.note("gap", missing ? `Up to ${plural(missing, "message")} missing here` : "Messages may be missing here: the server does not know what was said before");
}
function ongap({ count, reason }) {
  showPosition();
  const what = count ? plural(count, "message") : "Messages";
  messages.note("gap", reason === "conflated" ? `${what} left out here: later ones stand for them` : `${what} missing here: this tab was too slow, or the server lost them`);
}
function onmessage(message) {
  showPosition();
  messages.add(message, topic.mine(message));
}
function onerror({ text }) {
  say("refused", `No subscription: ${text}`);
}
let stale = false;
function showPosition() {
  if (stale) return;
  stale = true;
  requestAnimationFrame(() => {
    stale = false;
    $("at").textContent = topic.position ?? "";
  });
}

// The topic, by the fragment.
function enter() {
  let wanted = "";
  try {
    wanted = decodeURIComponent(location.hash.slice(1));
  } catch {
    // A fragment that is no encoding names no topic.
  }
  topic?.leave();
  messages.clear();
  people.clear();
  showPosition();
  wanted ||= "chat/lobby";
  topic = client.topic(wanted, {
    history: 50,
    meta: { name, tab },
    onsubscribed,
    onmessage,
    ongap,
    onerror,
    onmembers: (members) => people.show(members),
  });
  $("topic").firstElementChild.textContent = $("topic").title = wanted;
  $("second").href = location.href;
  const path = "/t/" + wanted.split("/").map(encodeURIComponent).join("/");
  $("by-listen").textContent = `curl -N ${quoted(location.origin + path)}`;
  $("by-say").textContent = `curl -d hello ${quoted(location.origin + path)}`;
  $("by-script").textContent = `new WebSocket("${wsBase + path}").onmessage = e => console.log(e.data)`;
}
// quoted makes a URL a word of a shell.
function quoted(url) {
  return /^[\w:/.%~-]+$/.test(url) ? url : `'${url.replaceAll("'", "%27")}'`;
}
addEventListener("hashchange", enter);
$("topic-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = $("other").value.trim();
  if (wanted) location.hash = encodeURIComponent(wanted).replaceAll("%2F", "/");
  $("other").value = "";
});

// The name.
$("name").value = name;
$("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  rename();
});
$("name").addEventListener("change", rename);
function rename() {
  const wanted = $("name").value.trim();
  if (wanted && wanted !== name) {
    name = wanted;
    saveName(name);
    topic.enter({ name, tab }).catch(() => {}); // without a connection it is said with the next
  }
  $("name").value = name;
}

// What to say.
$("say-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("say").value;
  $("say").focus();
  if (text.trim() === "") return;
  $("say").value = "";
  const content = { name, text };
  const { mid, done } = topic.publish(content);
  messages.expect(mid, content);
  messages.offline(!connected);
  done.then(
    // The message itself comes as well, unless the topic does not echo.
    ({ position }) => setTimeout(() => messages.settle(mid, content, position), 2000),
    (error) => messages.refuse(mid, error.text),
  );
});
$("say").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("say-form").requestSubmit();
});

$("retry").addEventListener("click", () => client.open());
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  client.open($("token").value);
});
addEventListener("online", () => client.open());
addEventListener("pagehide", () => client.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) client.open();
});

$("here").textContent = location.host;
wireCopyButtons();
enter();
client.open();
