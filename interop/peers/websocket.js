'use strict';

// The npm package websocket, as client and as server. It knows no compression.

const http = require('node:http');
const {
  client: WebSocketClient,
  server: WebSocketServer,
  connection: WebSocketConnection,
  frame: WebSocketFrame,
} = require('websocket');
const { run, event, Conns } = require('./lines.js');

const conns = new Conns();
const listeners = new Map();

const limits = {
  maxReceivedFrameSize: 64 << 20,
  maxReceivedMessageSize: 64 << 20,
};

function attach(socket, options) {
  const id = conns.add({
    send(type, parts, ping) {
      if (parts.length === 1) {
        // The library's own choice: frames of 16 KiB.
        if (type === 'text') socket.sendUTF(parts[0].toString());
        else socket.sendBytes(parts[0]);
        return;
      }
      parts.forEach((part, i) => {
        if (i > 0 && ping) socket.ping(ping);
        const frame = new WebSocketFrame(socket.maskBytes, socket.frameHeader, socket.config);
        frame.opcode = i > 0 ? 0 : type === 'text' ? 1 : 2;
        frame.fin = i === parts.length - 1;
        frame.binaryPayload = part;
        socket.sendFrame(frame);
      });
    },
    ping: (data) => socket.ping(data),
    close(code, reason) {
      if (code === undefined) socket.close();
      else socket.close(code, reason);
    },
    cut: () => socket.socket.destroy(),
  });
  socket.on('message', (message) => {
    if (message.type === 'utf8') conns.received(id, options, 'text', Buffer.from(message.utf8Data));
    else conns.received(id, options, 'binary', message.binaryData);
  });
  socket.on('ping', (_cancel, data) => event('ping', { conn: id, data: data.toString('base64') }));
  socket.on('pong', (data) => event('pong', { conn: id, data: data.toString('base64') }));
  socket.on('error', (err) => event('error', { conn: id, message: err.message }));
  socket.on('close', (code, reason) => {
    // Where the frame held nothing, the library says -1 and puts its own words.
    const own = reason === WebSocketConnection.CLOSE_DESCRIPTIONS[code];
    conns.closed(id, code === -1 ? 1005 : code, own || code === 1006 ? '' : reason || '');
  });
  return id;
}

function listen(options) {
  return new Promise((resolve, reject) => {
    const httpServer = http.createServer((_request, response) => response.writeHead(426).end());
    const server = new WebSocketServer({ httpServer, keepalive: false, ...limits });
    server.on('request', (request) => {
      if (options.refuse) {
        request.reject(options.refuse, 'refused', { 'X-Why': 'a test' });
        return;
      }
      const subprotocol = (options.subprotocols || []).find((name) => request.requestedProtocols.includes(name));
      const socket = request.accept(subprotocol, request.origin);
      event('open', {
        listener: httpServer.address().port,
        conn: attach(socket, options),
        extensions: '',
        subprotocol: subprotocol || '',
      });
    });
    httpServer.on('error', reject);
    httpServer.listen(0, '127.0.0.1', () => {
      const { port } = httpServer.address();
      listeners.set(port, httpServer);
      resolve({ listener: port, url: `ws://127.0.0.1:${port}/` });
    });
  });
}

function dial(options) {
  return new Promise((resolve, reject) => {
    const client = new WebSocketClient(limits);
    client.on('connectFailed', reject);
    client.on('connect', (socket) => {
      resolve({
        conn: attach(socket, options),
        extensions: client.response.headers['sec-websocket-extensions'] || '',
        subprotocol: socket.protocol || '',
      });
    });
    client.connect(options.url, options.subprotocols || []);
  });
}

run(`websocket ${require('websocket/package.json').version}`, {
  dial,
  listen,
  unlisten({ listener }) {
    listeners.get(listener).close();
    listeners.delete(listener);
  },
  ...conns.commands(),
});
