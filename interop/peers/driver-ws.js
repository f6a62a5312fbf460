'use strict';

// A driver for the client of the npm package ws. See driver-cases.js.

const { WebSocket } = require('ws');
const { limit, casePatience, handshakePatience, drive, main } = require('./driver-cases.js');

// Messages may come in any number of pieces; other limits are the library's own.
const fragments = 1 << 20;

function connect(url, take) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      perMessageDeflate: { threshold: 0 },
      maxPayload: limit,
      maxFragments: fragments,
      maxBufferedChunks: fragments,
      skipUTF8Validation: false,
      handshakeTimeout: handshakePatience,
    });
    const timer = setTimeout(() => socket.terminate(), casePatience);
    socket.on('error', () => {}); // close comes next
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.on('message', (data, binary) => {
      if (take) take(data.toString());
      else if (socket.readyState === WebSocket.OPEN) socket.send(data, { binary });
    });
  });
}

main((settings) => drive(connect, settings));
