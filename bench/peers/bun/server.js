'use strict';

// A peer on the WebSocket server of Bun, which is µWebSockets. The room is a topic, as its documentation has it.

const { limit, settings, announce } = require('../settings.js');

const { host, port, compress } = settings(['off', 'on', 'takeover']);

const deflate = { off: false, on: { compress: 'shared', decompress: 'shared' }, takeover: { compress: 'dedicated', decompress: 'dedicated' } };

// What a connection is asked to send, it shall send: thousands may be in the room.
const backlog = 1 << 30;

const server = Bun.serve({
  hostname: host,
  port,
  fetch(request, server) {
    const room = request.url.endsWith('/room');
    return server.upgrade(request, { data: { room } }) ? undefined : new Response('WebSocket only\n', { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    maxPayloadLength: limit,
    backpressureLimit: backlog,
    closeOnBackpressureLimit: false,
    perMessageDeflate: deflate[compress],
    open(socket) {
      if (socket.data.room) socket.subscribe('room');
    },
    message(socket, message) {
      // Text comes as a string, and goes as text.
      if (socket.data.room) server.publish('room', message, compress !== 'off');
      else socket.send(message, compress !== 'off');
    },
  },
});

announce(server.hostname, server.port);
