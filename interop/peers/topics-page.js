'use strict';

// What a test of topics puts into a page: the ways to listen that a browser has
// beside WebSocket, of which page.js takes care. What comes is reported as it
// is, in events called message; close is the end.

window.topics = (() => {
  const open = new Map();
  const encoder = new TextEncoder();

  function toBase64(bytes) {
    let text = '';
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  }

  const said = (conn, bytes, fields) => window.report('message', { conn, data: toBase64(bytes), ...fields });
  const ended = (conn, fields) => window.report('close', { conn, ...fields });

  // eventSource listens as EventSource does: it comes back by itself, until it gives up.
  function eventSource({ conn, url, names }) {
    const source = new EventSource(url);
    open.set(conn, () => source.close());
    const tell = ({ type, data, lastEventId }) => {
      said(conn, encoder.encode(data), { value: { event: type === 'message' ? '' : type, id: lastEventId } });
    };
    for (const name of ['message', 'envelope', 'gap', 'notice', ...names]) source.addEventListener(name, tell);
    source.onopen = () => said(conn, encoder.encode(''), { value: { event: 'open' } });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) ended(conn, { message: 'it has given up' });
      else said(conn, encoder.encode(''), { value: { event: 'error' } });
    };
  }

  // stream reads the answer to a request, piece by piece.
  async function stream({ conn, url, request }) {
    const stop = new AbortController();
    open.set(conn, () => stop.abort());
    let status = 0;
    try {
      const response = await fetch(url, { ...request, signal: stop.signal });
      status = response.status;
      if (!response.ok) {
        said(conn, new Uint8Array(await response.arrayBuffer()));
        ended(conn, { status });
        return;
      }
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) said(conn, part.value);
      ended(conn, { status });
    } catch (err) {
      ended(conn, { status, message: String(err) });
    }
  }

  // polls asks again and again. next gives the request after an answer.
  async function polls(conn, next) {
    const stop = new AbortController();
    open.set(conn, () => stop.abort());
    let status = 0;
    try {
      for (let answer; ;) {
        const { url, ...request } = next(answer);
        const response = await fetch(url, { ...request, signal: stop.signal });
        status = response.status;
        const text = await response.text();
        said(conn, encoder.encode(text));
        if (!response.ok) {
          ended(conn, { status });
          return;
        }
        answer = JSON.parse(text);
      }
    } catch (err) {
      ended(conn, { status, message: String(err) });
    }
  }

  function poll({ conn, url, since }) {
    polls(conn, (answer) => {
      if (answer) since = answer.position;
      return { url: `${url}?${new URLSearchParams(since ? { since, wait: '30s' } : { since: 'now' })}` };
    });
  }

  // nativePoll keeps the position as the protocol says.
  function nativePoll({ conn, url, topic, since }) {
    polls(conn, (answer) => {
      for (const frame of answer || []) {
        if (frame.type === 'subscribed' && !frame.replayed) since = frame.position;
        if (frame.type === 'message') since = frame.position;
        if (frame.type === 'gap') since = frame.tail;
      }
      const connect = { type: 'connect', id: 1, wait_ms: since ? 30000 : 0 };
      const subscribe = { type: 'subscribe', id: 2, topic, since };
      return { url, method: 'POST', body: JSON.stringify([connect, subscribe]) };
    });
  }

  const contentType = { text: 'text/plain', json: 'application/json', bytes: 'application/octet-stream' };

  // publish publishes messages one after the other, and reports when it is done.
  async function publish({ conn, url, messages }) {
    const statuses = [];
    for (const { kind, body } of messages) {
      const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
      const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': contentType[kind] }, body: bytes });
      await response.text();
      statuses.push(response.status);
    }
    ended(conn, { value: statuses });
  }

  const close = ({ conn }) => open.get(conn)();

  return { eventSource, stream, poll, nativePoll, publish, close };
})();
