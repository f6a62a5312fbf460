'use strict';

// The conversation between a Go test and a peer that it drives: one JSON object
// on each line, commands in on stdin, answers and events out on stdout.
//
//   {"ready": "ws 8.0.0"}                            the first line out
//   {"id": 1, "do": "dial", "url": …, …}             a command
//   {"id": 1, "conn": 1, "extensions": …, …}         its answer, or
//   {"id": 1, "error": "…"}
//   {"event": "close", "conn": 1, "code": 1000, …}   what happened by itself
//
// Bytes are base64. The peer ends when stdin does.

const readline = require('node:readline');
const { stripVTControlCharacters } = require('node:util');

function write(object) {
  process.stdout.write(JSON.stringify(object) + '\n');
}

// run answers commands until stdin ends, and then calls end. Each command is a
// function, perhaps async, from the command's fields to the answer's.
function run(name, commands, end = () => {}) {
  const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on('line', async (line) => {
    const command = JSON.parse(line);
    try {
      write({ id: command.id, ...(await commands[command.do](command)) });
    } catch (err) {
      write({ id: command.id, error: stripVTControlCharacters(err.message) });
    }
  });
  lines.on('close', async () => {
    await end();
    process.exit(0);
  });
  write({ ready: name });
}

function event(name, fields) {
  write({ event: name, ...fields });
}

const decode = (text) => Buffer.from(text, 'base64');

// Conns numbers the connections of a peer and carries out the commands that
// every library has, given for each connection an object with
//
//   send(type, parts, ping)  a message, in as many frames as there are parts,
//                            with a ping between them if ping is set
//   ping(data)
//   close(code, reason)      code may be undefined
//   cut()                    ends the network connection without a close frame
class Conns {
  constructor() {
    this.all = new Map();
    this.last = 0;
  }

  add(conn) {
    this.all.set(++this.last, conn);
    return this.last;
  }

  // received answers a message of the connection id: with an event, or with
  // its echo, whose frames hold options.fragment bytes if that is set.
  received(id, options, type, data) {
    if (!options.echo) {
      event('message', { conn: id, type, data: data.toString('base64') });
      return;
    }
    const parts = [];
    if (options.fragment) {
      for (let at = 0; at < data.length; at += options.fragment) {
        parts.push(data.subarray(at, at + options.fragment));
      }
    }
    this.all.get(id).send(type, parts.length > 0 ? parts : [data]);
  }

  closed(id, code, reason) {
    this.all.delete(id);
    event('close', { conn: id, code, reason });
  }

  commands() {
    const conn = (id) => {
      if (!this.all.has(id)) throw new Error(`connection ${id} is closed`);
      return this.all.get(id);
    };
    return {
      send: ({ conn: id, type, parts, ping }) => conn(id).send(type, parts.map(decode), ping && decode(ping)),
      ping: ({ conn: id, data }) => conn(id).ping(decode(data)),
      close: ({ conn: id, code, reason }) => conn(id).close(code, reason),
      cut: ({ conn: id }) => conn(id).cut(),
    };
  }
}

module.exports = { run, event, Conns };
