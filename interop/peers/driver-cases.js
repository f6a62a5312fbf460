'use strict';

// What the drivers have in common:
//
//   node driver-ws.js BASE AGENT [--parallel K]
//
// A driver takes its client through the cases of the conformance suite at BASE
// (ws://127.0.0.1:9001): it asks for /getCaseCount, echoes on /runCase for each
// case until the connection ends, K cases at a time, and says /updateReports at
// last. It prints nothing but errors.

const { parseArgs } = require('node:util');

const limit = 32 << 20;

// How long a case may take, in milliseconds, and how long its handshake.
const casePatience = 30000;
const handshakePatience = 5000;

// settings reads the command line.
function settings() {
  const { values, positionals } = parseArgs({
    options: { parallel: { type: 'string', default: '1' } },
    allowPositionals: true,
  });
  if (positionals.length !== 2) {
    process.stderr.write('usage: BASE AGENT [--parallel K], with BASE as in ws://127.0.0.1:9001\n');
    process.exit(2);
  }
  const [base, agent] = positionals;
  return { base: base.replace(/\/$/, ''), agent, parallel: Math.max(1, Number(values.parallel) || 1) };
}

// drive runs all cases. connect(url, take) connects to the URL and resolves
// when the connection has ended, however it did: it echoes the messages, or
// gives the text to take if there is one. It runs in a page, too, so it uses
// nothing of this file.
async function drive(connect, { base, agent, parallel }) {
  const name = encodeURIComponent(agent);
  let text = '';
  await connect(`${base}/getCaseCount`, (data) => {
    text += data;
  });
  if (!/^\s*\d+\s*$/.test(text)) {
    throw new Error(`${base}/getCaseCount gave no number of cases, but ${JSON.stringify(text.slice(0, 80))}`);
  }
  const count = Number(text);
  let next = 1;
  const work = async () => {
    while (next <= count) await connect(`${base}/runCase?case=${next++}&agent=${name}`);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  await connect(`${base}/updateReports?agent=${name}`, () => {});
}

// main runs a driver and ends the process after it.
function main(run) {
  run(settings()).then(
    () => process.exit(0),
    (err) => {
      process.stderr.write(`${err.message}\n`);
      process.exit(1);
    },
  );
}

module.exports = { limit, casePatience, handshakePatience, drive, main };
