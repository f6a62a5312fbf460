'use strict';

// Drives Chromium through the pages of the examples: node drive.js MODULES PATH-OF-CHROMIUM. Each line on stdin is a command,
// each answered by one line on stdout, both JSON:
//
//   {"goto": URL}                          opens a page instead of the one before
//   {"steps": [[METHOD, ARGUMENT, …], …]}  calls methods of Playwright's page
//   {"wait": EVENT, "nth": N}              waits for the Nth EVENT (the first by default) in the page's log: {"detail": …}

const readline = require('node:readline');
const { createRequire } = require('node:module');
const { chromium } = createRequire(process.argv[2])('playwright-core');

async function main() {
  const browser = await chromium.launch({
    executablePath: process.argv[3],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(30000);
  let page;

  async function answer(command) {
    if (command.goto) {
      if (page) await page.close();
      page = await context.newPage();
      await page.goto(command.goto);
      return {};
    }
    if (command.wait) {
      const lines = page.locator(`#log li:has(b.${command.wait}) span`);
      const line = lines.nth(-(command.nth || 1)); // the newest is on top
      await line.waitFor();
      return { detail: await line.textContent() };
    }
    for (const [method, ...args] of command.steps || []) await page[method](...args);
    return {};
  }

  for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try {
      reply = await answer(JSON.parse(line));
    } catch (err) {
      reply = { error: err.message };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  await browser.close();
}

main().catch((err) => {
  process.stderr.write(`${err.stack}\n`);
  process.exit(1);
});
