'use strict';

// A real browser, as client only: node chromium.js PATH-OF-CHROMIUM. Beside the
// commands of the other peers, once a page has been loaded with goto:
//
//   {"do": "goto", "url": …}                    loads a page
//   {"do": "run", "script": …}                  evaluates an expression in it
//   {"do": "type", "selector": …, "text": …}    types into a field, then Enter
//   {"do": "click", "selector": …}

const path = require('node:path');
const { chromium } = require('playwright-core');
const { run, event } = require('./lines.js');

// How long the page may take for one command. Go tests have bounds of their own.
const patience = 20000;

async function main() {
  const browser = await chromium.launch({
    executablePath: process.argv[2],
    args: [
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
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(patience);
  await context.exposeFunction('report', (name, fields) => event(name, fields));
  await context.addInitScript({ path: path.join(__dirname, 'page.js') });
  const page = await context.newPage();
  page.on('pageerror', (err) => event('error', { message: `on the page: ${err.message}` }));

  let last = 0;
  const inPage = (method) => (command) => page.evaluate(([name, args]) => window.peer[name](args), [method, command]);

  const commands = {
    async goto({ url }) {
      const response = await page.goto(url);
      return { status: response ? response.status() : 0 };
    },
    run: async ({ script }) => ({ value: await page.evaluate(script) }),
    type: async ({ selector, text }) => {
      await page.fill(selector, text);
      await page.press(selector, 'Enter');
    },
    click: ({ selector }) => page.click(selector),
    // The page makes sockets, but this script numbers them: pages come and go.
    dial: (command) => inPage('dial')({ ...command, conn: ++last }),
    send: inPage('send'),
    close: inPage('close'),
  };
  run(`Chromium ${browser.version()}`, commands, () => browser.close());
}

main().catch((err) => {
  process.stderr.write(`${err.stack}\n`);
  process.exit(1);
});
