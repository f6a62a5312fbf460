'use strict';

// An echo server on the npm package ws. See echo-listen.js.

const { WebSocketServer } = require('ws');
const { limit, settings, announce } = require('./echo-listen.js');

// Messages may come in any number of pieces; other limits are the library's own.
const fragments = 1 << 20;

const { host, port, compress } = settings(['off', 'on', 'takeover']);
// Set to false, these would not mean that the window is kept, but that offers
// which ask for a fresh one are refused.
const fresh = compress === 'on' ? { serverNoContextTakeover: true, clientNoContextTakeover: true } : {};

const server = new WebSocketServer({
  host,
  port,
  maxPayload: limit,
  maxFragments: fragments,
  maxBufferedChunks: fragments,
  perMessageDeflate: compress !== 'off' && { threshold: 0, ...fresh },
});
server.on('connection', (socket) => {
  socket.on('error', () => {}); // the library has closed the connection
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
server.on('listening', () => announce(server.address()));
