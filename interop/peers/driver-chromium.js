'use strict';

// A driver for the WebSocket of a Chromium. See driver-cases.js. The variable
// CHROMIUM, a path or a command, says which; the default is the first of the
// usual names on PATH.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { casePatience, drive, main } = require('./driver-cases.js');

function executable() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : ['chromium', 'chromium-browser', 'google-chrome'];
  for (const name of names) {
    const folders = name.includes('/') ? [''] : (process.env.PATH || '').split(path.delimiter);
    const found = folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
    if (found) return found;
  }
  throw new Error(`none of ${names.join(', ')} is there: install Chromium, or set CHROMIUM to the path of one`);
}

// connect runs in the page.
function connect(url, take) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    // A page cannot cut a connection: one that still hangs is left alone.
    const timer = setTimeout(() => {
      socket.onmessage = null;
      socket.close();
      resolve();
    }, patience);
    socket.onmessage = ({ data }) => {
      if (take) take(String(data));
      else socket.send(data);
    };
    socket.onclose = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

// page is a page on the loopback interface, from where a browser lets one
// connect to it.
function page() {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end("<!doctype html><title>driver</title><link rel=icon href='data:,'>");
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/`));
  });
}

main(async (settings) => {
  const browser = await chromium.launch({
    executablePath: executable(),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-crash-reporter',
    ],
  });
  try {
    const tab = await browser.newPage();
    await tab.goto(await page());
    const script = `const patience = ${casePatience}; ${connect}; ${drive}`;
    await tab.evaluate(`(async () => { ${script}; await drive(connect, ${JSON.stringify(settings)}); })()`);
  } finally {
    await browser.close();
  }
});
