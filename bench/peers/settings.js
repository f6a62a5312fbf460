'use strict';

// What the servers in JavaScript have in common with each other, and with the programs in Go beside them:
//
//   node nodews/server.js [-addr 127.0.0.1:0] [-compress off|on|takeover]
//   bun bun/server.js [-addr 127.0.0.1:0] [-compress off|on|takeover]
//
// Each echoes, and at the path /room sends every message to everybody there. It prints one line,
// "listening ws://HOST:PORT/", says nothing more, and ends with its standard input or at SIGTERM. compress is off, on
// (each message for itself) or takeover (the window is kept). Messages of up to 32 MiB pass. There is no TLS: neither runtime can make a certificate.

const { parseArgs } = require('node:util');

const limit = 32 << 20;

// settings reads the flags of a server whose library knows these modes.
function settings(modes) {
  let values;
  try {
    ({ values } = parseArgs({
      args: process.argv.slice(2).map((arg) => arg.replace(/^-(?=[a-z]{2})/, '--')), // as Go has it
      options: {
        addr: { type: 'string', default: '127.0.0.1:0' },
        compress: { type: 'string', default: 'off' },
      },
    }));
    if (!modes.includes(values.compress)) {
      throw new Error(`-compress ${values.compress}: this library has only ${modes.join(', ')}`);
    }
  } catch (error) {
    process.stderr.write(`peer: ${error.message}\n`);
    process.exit(2);
  }
  const at = values.addr.lastIndexOf(':');
  return { host: values.addr.slice(0, at), port: Number(values.addr.slice(at + 1)), compress: values.compress };
}

// announce says where the server listens, and ends it when it is time.
function announce(host, port) {
  const end = () => process.exit(0);
  process.stdin.on('end', end);
  process.stdin.resume();
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  // Memory that is free goes back to the system, so that it can be told what is held.
  process.on('SIGUSR2', () => (globalThis.Bun ? Bun.gc(true) : globalThis.gc()));
  process.stdout.write(`listening ws://${host}:${port}/\n`);
}

module.exports = { limit, settings, announce };
