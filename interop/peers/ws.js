'use strict';

// The npm package ws, as client and as server.

const { WebSocket, WebSocketServer } = require('ws');
const { run, event, Conns } = require('./lines.js');

const conns = new Conns();
const listeners = new Map();

// perMessageDeflate says in this library's words what compression is wanted.
// What is not mentioned is left to the other side.
function perMessageDeflate(deflate) {
  if (!deflate) return false;
  const settings = { threshold: 0 };
  if (deflate.noServerTakeover) settings.serverNoContextTakeover = true;
  if (deflate.noClientTakeover) settings.clientNoContextTakeover = true;
  if (deflate.serverBits) settings.serverMaxWindowBits = deflate.serverBits;
  if (deflate.clientBits) settings.clientMaxWindowBits = deflate.clientBits;
  return settings;
}

function attach(socket, options) {
  const id = conns.add({
    send(type, parts, ping) {
      const binary = type === 'binary';
      parts.forEach((part, i) => {
        if (i > 0 && ping) socket.ping(ping);
        socket.send(part, { binary, fin: i === parts.length - 1 });
      });
    },
    ping: (data) => socket.ping(data),
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
  });
  socket.on('message', (data, binary) => conns.received(id, options, binary ? 'binary' : 'text', data));
  socket.on('ping', (data) => event('ping', { conn: id, data: data.toString('base64') }));
  socket.on('pong', (data) => event('pong', { conn: id, data: data.toString('base64') }));
  socket.on('error', (err) => event('error', { conn: id, message: err.message }));
  socket.on('close', (code, reason) => conns.closed(id, code, reason.toString()));
  return id;
}

function listen(options) {
  return new Promise((resolve, reject) => {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      perMessageDeflate: perMessageDeflate(options.deflate),
      verifyClient: (_info, done) => done(!options.refuse, options.refuse, '', { 'X-Why': 'a test' }),
      handleProtocols: (offered) => (options.subprotocols || []).find((name) => offered.has(name)) || false,
    });
    server.on('error', reject);
    server.on('listening', () => {
      const { port } = server.address();
      listeners.set(port, server);
      resolve({ listener: port, url: `ws://127.0.0.1:${port}/` });
    });
    server.on('headers', (lines, request) => {
      const line = lines.find((text) => text.toLowerCase().startsWith('sec-websocket-extensions:'));
      request.extensions = line ? line.slice(line.indexOf(':') + 1).trim() : '';
    });
    server.on('connection', (socket, request) => {
      const id = attach(socket, options);
      event('open', {
        listener: server.address().port,
        conn: id,
        extensions: request.extensions,
        subprotocol: socket.protocol,
      });
    });
  });
}

function dial(options) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(options.url, options.subprotocols || [], {
      perMessageDeflate: perMessageDeflate(options.deflate),
    });
    let extensions = '';
    socket.on('upgrade', (response) => {
      extensions = response.headers['sec-websocket-extensions'] || '';
    });
    socket.once('error', reject);
    socket.once('open', () => {
      socket.off('error', reject);
      resolve({ conn: attach(socket, options), extensions, subprotocol: socket.protocol });
    });
  });
}

run(`ws ${require('ws/package.json').version}`, {
  dial,
  listen,
  unlisten({ listener }) {
    listeners.get(listener).close();
    listeners.delete(listener);
  },
  ...conns.commands(),
});
