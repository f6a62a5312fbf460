'use strict';

// An echo server on the npm package websocket, which has no compression. See
// echo-listen.js.

const http = require('node:http');
const { server: WebSocketServer } = require('websocket');
const { limit, settings, announce } = require('./echo-listen.js');

const { host, port } = settings(['off']);

const httpServer = http.createServer((_request, response) => response.writeHead(404).end());
const server = new WebSocketServer({
  httpServer,
  maxReceivedFrameSize: limit,
  maxReceivedMessageSize: limit,
});
server.on('request', (request) => {
  const socket = request.accept(null, request.origin);
  socket.on('error', () => {}); // the library has closed the connection
  socket.on('message', (message) => {
    if (message.type === 'utf8') socket.sendUTF(message.utf8Data);
    else socket.sendBytes(message.binaryData);
  });
});
httpServer.listen(port, host, () => announce(httpServer.address()));
