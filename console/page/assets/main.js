// main.js wires the console: forms in, one connection, facts and events out.
import { startClock } from "./clock.js";
import { Connection } from "./connection.js";
import { wireCopyButtons } from "./copy.js";
import { EventLog } from "./events.js";
import { bytes, hexToBytes, madeBinary, madeText, millis, plural } from "./payload.js";

const $ = (id) => document.getElementById(id);
const wsBase = (location.protocol === "https:" ? "wss://" : "ws://") + location.host;

// What the page says about itself.
$("here").textContent = location.host;
for (const code of document.querySelectorAll(".elsewhere code")) {
  code.textContent = code.textContent
    .replace("ws://127.0.0.1:8080", wsBase)
    .replace("http://127.0.0.1:8080", location.origin);
}
startClock(wsBase + "/clock", $("clock"), $("clock-note"));

const log = new EventLog($("log"));
const connection = new Connection(log, show);

// show draws the facts; connection calls it whenever one of them changed.
function show(facts) {
  const state = $("state");
  if (state.textContent !== facts.label) state.textContent = facts.label; // a status is read aloud when it changes
  state.dataset.state = facts.state;
  $("opened").textContent = facts.openedIn === null ? "–" : millis(facts.openedIn);
  $("rtt").textContent = facts.rtt === null ? "–" : millis(facts.rtt);
  $("sent").textContent = count(facts.sent) + (facts.buffered > 0 ? `, ${bytes(facts.buffered)} waiting` : "");
  $("received").textContent = count(facts.received);
  $("subprotocol").textContent = facts.live ? facts.subprotocol || "none" : "–";
  $("extensions").textContent = facts.live ? facts.extensions || "none" : "–";
  $("send").disabled = facts.state !== "open";
  $("close").disabled = facts.state === "closed";
  $("connect").textContent = facts.state === "closed" ? "Connect" : "Reconnect";
  $("connect").classList.toggle("primary", facts.state === "closed");
}

function count({ messages, size }) {
  return messages === 0 ? "nothing" : `${plural(messages, "message")}, ${bytes(size)}`;
}

// Open.
function connect() {
  const offered = $("offer").value.split(",").map((name) => name.trim()).filter(Boolean);
  connection.connect(wsBase + $("endpoint").value, offered, $("endpoint").value === "/echo");
}
$("open-form").addEventListener("submit", (event) => {
  event.preventDefault();
  connect();
});
$("endpoint").addEventListener("change", connect);
$("again").addEventListener("change", () => connection.comeBack($("again").checked));
connection.comeBack($("again").checked);

// Send.
const kind = () => document.querySelector("input[name=kind]:checked").value;
function showKind() {
  for (const part of document.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== kind();
  $("send-problem").textContent = "";
}
for (const radio of document.querySelectorAll("input[name=kind]")) radio.addEventListener("change", showKind);
showKind(); // a browser restores the choice of an earlier visit

function payload() {
  switch (kind()) {
    case "text":
      return $("text").value;
    case "hex":
      return hexToBytes($("hex").value);
    default:
      return $("content").value === "text" ? madeText(+$("size").value) : madeBinary(+$("size").value);
  }
}
$("send-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt($("send-problem"), () => connection.send(payload()));
});
for (const area of [$("text"), $("hex")]) {
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("send-form").requestSubmit();
  });
}

// Close.
$("close-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt($("close-problem"), () => connection.close($("code").value.trim(), $("reason").value));
});

$("clear").addEventListener("click", () => log.clear());
wireCopyButtons();

// attempt runs what the user asked for and says beside the button why it failed.
function attempt(problem, action) {
  problem.textContent = "";
  try {
    action();
  } catch (error) {
    problem.textContent = error.message;
  }
}

connect();
