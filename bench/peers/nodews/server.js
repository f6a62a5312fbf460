'use strict';

// A peer on the npm package ws. The room is the loop over all clients that its README shows. With its defaults the
// library checks the UTF-8 of text.

const { WebSocket, WebSocketServer } = require('ws');
const { limit, settings, announce } = require('../settings.js');

// Messages may come in any number of pieces; other limits are the library's own.
const fragments = 1 << 20;

const { host, port, compress } = settings(['off', 'on', 'takeover']);
// Set to false, these would not mean that the window is kept, but that offers which ask for a fresh one are refused.
const fresh = compress === 'on' ? { serverNoContextTakeover: true, clientNoContextTakeover: true } : {};
const everybody = new Set();

const server = new WebSocketServer({
  host,
  port,
  clientTracking: false,
  maxPayload: limit,
  maxFragments: fragments,
  maxBufferedChunks: fragments,
  perMessageDeflate: compress !== 'off' && { threshold: 0, ...fresh },
});

server.on('connection', (socket, request) => {
  socket.on('error', () => {}); // the library has closed the connection
  if (request.url !== '/room') {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    return;
  }
  everybody.add(socket);
  socket.on('close', () => everybody.delete(socket));
  socket.on('message', (data, binary) => {
    for (const client of everybody) {
      if (client.readyState === WebSocket.OPEN) {
        client.send(data, { binary });
      }
    }
  });
});

server.on('listening', () => announce(server.address().address, server.address().port));
