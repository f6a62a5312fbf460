'use strict';

// What the echo servers have in common:
//
//   node echo-ws.js [--addr 127.0.0.1:0] [--compress off|on|takeover]
//
// Each prints one line, "listening ws://HOST:PORT/", says nothing more and ends
// with its standard input. compress is off, on (each message for itself) or
// takeover (the window is kept), as far as the library can. Messages of up to
// 32 MiB pass. conformance.md in docs is made with them.

const { parseArgs } = require('node:util');

const limit = 32 << 20;

// settings reads the flags of a server whose library knows these modes.
function settings(modes) {
  const { values } = parseArgs({
    options: {
      addr: { type: 'string', default: '127.0.0.1:0' },
      compress: { type: 'string', default: 'off' },
    },
  });
  if (!modes.includes(values.compress)) {
    process.stderr.write(`--compress ${values.compress}: this library has only ${modes.join(', ')}\n`);
    process.exit(2);
  }
  const at = values.addr.lastIndexOf(':');
  return { host: values.addr.slice(0, at), port: Number(values.addr.slice(at + 1)), compress: values.compress };
}

// announce says where the server listens, and ends it with standard input.
function announce({ address, port }) {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
  process.stdout.write(`listening ws://${address}:${port}/\n`);
}

module.exports = { limit, settings, announce };
