'use strict';

// WebSockets over HTTP/2 (RFC 8441) with Node's own http2, as client and as
// server; the frames on the stream are those of the npm package ws.

const http2 = require('node:http2');
const { WebSocket, PerMessageDeflate, extension } = require('ws');
const { run, event, Conns } = require('./lines.js');

const conns = new Conns();
const listeners = new Map();
const name = 'permessage-deflate';

// over makes a WebSocket of a stream.
function over(stream, isServer, deflate) {
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  socket._isServer = isServer;
  if (deflate) socket._extensions = { [name]: deflate };
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0 });
  return socket;
}

function attach(socket, stream, options) {
  const id = conns.add({
    send(type, parts, ping) {
      const binary = type === 'binary';
      parts.forEach((part, i) => {
        if (i > 0 && ping) socket.ping(ping);
        socket.send(part, { binary, fin: i === parts.length - 1, compress: true });
      });
    },
    ping: (data) => socket.ping(data),
    close: (code, reason) => socket.close(code, reason),
    cut: () => stream.close(http2.constants.NGHTTP2_CANCEL),
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
    const settings = { settings: { enableConnectProtocol: !options.http1only } };
    const server = options.key
      ? http2.createSecureServer({ ...settings, key: options.key, cert: options.cert })
      : http2.createServer(settings);
    server.on('error', reject);
    server.on('stream', (stream, headers) => {
      if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
        stream.respond({ ':status': 400 }, { endStream: true });
        return;
      }
      if (options.refuse) {
        stream.respond({ ':status': options.refuse, 'x-why': 'a test' });
        stream.end('refused');
        return;
      }
      const answer = { ':status': 200 };
      let deflate;
      const offers = headers['sec-websocket-extensions'] && extension.parse(headers['sec-websocket-extensions']);
      if (options.deflate && offers && offers[name]) {
        deflate = new PerMessageDeflate({ threshold: 0, isServer: true, maxPayload: 0 });
        deflate.accept(offers[name]);
        answer['sec-websocket-extensions'] = extension.format({ [name]: [deflate.params] });
      }
      if (options.subprotocol) answer['sec-websocket-protocol'] = options.subprotocol;
      stream.respond(answer);
      const id = attach(over(stream, true, deflate), stream, options);
      event('open', { listener: server.address().port, conn: id, extensions: answer['sec-websocket-extensions'] || '' });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      listeners.set(port, server);
      resolve({ listener: port, url: `${options.key ? 'wss' : 'ws'}://127.0.0.1:${port}/` });
    });
  });
}

function dial(options) {
  return new Promise((resolve, reject) => {
    const url = new URL(options.url);
    const session = http2.connect(url.origin, { rejectUnauthorized: false });
    session.on('error', reject);
    session.on('remoteSettings', (settings) => {
      if (!settings.enableConnectProtocol) {
        session.close();
        reject(new Error('the server takes no WebSockets over HTTP/2'));
        return;
      }
      const headers = {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': url.pathname + url.search,
        'sec-websocket-version': '13',
      };
      let deflate;
      if (options.deflate) {
        deflate = new PerMessageDeflate({ threshold: 0, isServer: false, maxPayload: 0 });
        headers['sec-websocket-extensions'] = extension.format({ [name]: deflate.offer() });
      }
      const stream = session.request(headers);
      stream.on('error', reject);
      stream.on('close', () => session.close());
      stream.on('response', (answer) => {
        if (answer[':status'] !== 200) {
          stream.close();
          reject(new Error(`answered with ${answer[':status']}`));
          return;
        }
        const agreed = answer['sec-websocket-extensions'] || '';
        if (agreed) deflate.accept(extension.parse(agreed)[name]);
        resolve({ conn: attach(over(stream, false, agreed && deflate), stream, options), extensions: agreed });
      });
    });
  });
}

run(`http2 of Node ${process.version}`, {
  dial,
  listen,
  unlisten({ listener }) {
    listeners.get(listener).close();
    listeners.delete(listener);
  },
  ...conns.commands(),
});
