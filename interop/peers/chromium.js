'use strict';

// A real browser, as client only: node chromium.js PATH-OF-CHROMIUM. Beside the
// commands of the other peers, once a page has been loaded with goto:
//
//   {"do": "goto", "url": …}                    loads a page
//   {"do": "run", "script": …}                  evaluates an expression in it
//   {"do": "type", "selector": …, "text": …}    types into a field, then Enter
//   {"do": "click", "selector": …}
//   {"do": "shut"}                              closes the tab
//
// With "tab": N these concern another tab than the first, which is 0. goto
// opens one that is not there yet.

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
  const tabs = new Map();
  const open = async (tab) => {
    const page = await context.newPage();
    page.on('pageerror', (err) => event('error', { message: `on the page: ${err.message}` }));
    tabs.set(tab, page);
    return page;
  };
  await open(0);

  let last = 0;
  const at = ({ tab = 0 }) => tabs.get(tab);
  const inPage = (method) => (command) => at(command).evaluate(([name, args]) => window.peer[name](args), [method, command]);

  const commands = {
    async goto({ url, tab = 0 }) {
      const page = tabs.get(tab) || (await open(tab));
      const response = await page.goto(url);
      return { status: response ? response.status() : 0 };
    },
    run: async (command) => ({ value: await at(command).evaluate(command.script) }),
    type: async (command) => {
      await at(command).fill(command.selector, command.text);
      await at(command).press(command.selector, 'Enter');
    },
    click: (command) => at(command).click(command.selector),
    // As a person does it: the page can say goodbye.
    shut: async (command) => {
      await at(command).close({ runBeforeUnload: true });
      tabs.delete(command.tab || 0);
    },
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
