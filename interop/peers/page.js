'use strict';

// What chromium.js puts into every page: the same commands as those of the
// other peers, on the browser's own WebSocket. What happens by itself goes to
// report, which chromium.js provides.
//
// An error event of a browser says nothing but that it came, so a close event
// carries how many there were.

window.peer = (() => {
  const conns = new Map();

  const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  function toBase64(bytes) {
    let text = '';
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  }

  async function describe(data) {
    if (typeof data === 'string') return { type: 'text', data: toBase64(new TextEncoder().encode(data)) };
    const buffer = data instanceof Blob ? await data.arrayBuffer() : data;
    return { type: 'binary', as: data.constructor.name, data: toBase64(new Uint8Array(buffer)) };
  }

  // dial answers when the socket is open, or with the close event if it never
  // was. The addresses may be relative to the page.
  function dial({ conn, url, subprotocols, echo, binaryType }) {
    return new Promise((resolve) => {
      const socket = new WebSocket(url, subprotocols || []);
      if (binaryType) socket.binaryType = binaryType;
      const state = { socket, errors: 0, reports: Promise.resolve() };
      conns.set(conn, state);
      let opened = false;
      socket.onopen = () => {
        opened = true;
        resolve({ conn, extensions: socket.extensions, subprotocol: socket.protocol });
      };
      socket.onmessage = ({ data }) => {
        if (echo) {
          socket.send(data);
          return;
        }
        state.reports = state.reports.then(async () => window.report('message', { conn, ...(await describe(data)) }));
      };
      socket.onerror = () => state.errors++;
      socket.onclose = ({ code, reason, wasClean }) => {
        const close = { conn, code, reason, wasClean, errors: state.errors };
        if (opened) state.reports.then(() => window.report('close', close));
        else resolve({ error: 'the socket closed before it opened', ...close });
      };
    });
  }

  function send({ conn, type, parts, as }) {
    const { socket } = conns.get(conn);
    for (const part of parts) {
      const bytes = fromBase64(part);
      if (type === 'text') socket.send(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
      else if (as === 'Blob') socket.send(new Blob([bytes]));
      else if (as === 'Uint8Array') socket.send(bytes);
      else socket.send(bytes.buffer);
    }
  }

  function close({ conn, code, reason }) {
    const { socket } = conns.get(conn);
    if (code === undefined) socket.close();
    else socket.close(code, reason);
  }

  return { conns, dial, send, close };
})();
