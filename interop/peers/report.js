'use strict';

// Uses a report of the conformance suite as somebody would who looks for what
// failed:
//
//	node report.js FILE
//
// It prints one line of JSON: what was seen, and what the console said. The
// variable CHROMIUM says which browser.

const { pathToFileURL } = require('node:url');
const { chromium } = require('playwright-core');

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags });
  try {
    const page = await browser.newPage({ viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
    const seen = { console: [], requests: [] };
    page.on('console', (m) => seen.console.push(m.text()));
    page.on('pageerror', (e) => seen.console.push(e.message));
    page.on('request', (r) => seen.requests.push(new URL(r.url()).protocol));
    await page.goto(pathToFileURL(process.argv[2]).href);
    const rows = () => page.locator('.case').count();
    const count = () => page.locator('#count').textContent();
    seen.all = await count();
    await page.locator('button[data-verdict="fail"]').click();
    seen.failed = { count: await count(), rows: await rows() };
    await page.locator('.case button').first().click();
    seen.detail = await page.locator('.detail').innerText();
    seen.address = new URL(page.url()).hash;
    seen.wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

    await page.reload();
    seen.again = { count: await count(), open: await page.locator('.detail').count() };
    await page.locator('.case button').first().click(); // what is open stays, whatever the filter
    await page.locator('button[data-verdict="fail"]').click();
    await page.locator('#differ').click();
    seen.differing = await count();
    await page.locator('#text').fill('no such case');
    await page.waitForFunction(() => !document.querySelector('.case'));
    seen.none = await page.locator('#cases').innerText();
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await back();
    await page.locator('#theme').click();
    seen.theme = before !== await back();
    process.stdout.write(JSON.stringify(seen) + '\n');
  } finally {
    await browser.close();
  }
}

main().catch((e) => {
  process.stderr.write(e.stack + '\n');
  process.exit(1);
});
