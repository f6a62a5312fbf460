'use strict';

// An echo server on the npm package ws. See echo-listen.js.

const { WebSocketServer } = require('ws');
const { limit, settings, announce } = require('./echo-listen.js');

const { host, port, compress } = settings(['off', 'on', 'takeover']);
const fresh = compress === 'on';

const server = new WebSocketServer({
  host,
  port,
  maxPayload: limit,
  perMessageDeflate: compress !== 'off' && {
    threshold: 0,
    serverNoContextTakeover: fresh,
    clientNoContextTakeover: fresh,
  },
});
server.on('connection', (socket) => {
  socket.on('error', () => {}); // the library has closed the connection
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
server.on('listening', () => announce(server.address()));
