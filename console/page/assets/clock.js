// clock.js shows the time that /clock pushes each second.
import { Backoff } from "./backoff.js";

// startClock keeps a connection to url, shows each time in face, and what goes on in note.
export function startClock(url, face, note) {
  const backoff = new Backoff();
  const usual = [...note.childNodes];
  const open = () => {
    const socket = new WebSocket(url);
    socket.onmessage = (event) => {
      backoff.reset();
      const time = new Date(event.data);
      face.dateTime = event.data;
      face.textContent = time.toISOString().slice(11, 19) + " UTC";
      face.classList.remove("stale");
      if (note.firstChild !== usual[0]) note.replaceChildren(...usual);
    };
    socket.onclose = (event) => {
      face.classList.add("stale");
      note.textContent = `stopped with ${event.code}; coming back`;
      setTimeout(open, backoff.next());
    };
  };
  open();
}
