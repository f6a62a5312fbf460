package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parley-ws/parley/internal/need"
)

// pageScript opens a page in light and dark, narrow and wide, and says what is wrong with it.
const pageScript = `
const { pathToFileURL } = require('node:url');
const { chromium } = require(process.argv[1]);
const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[2], args });
  const wrong = [], backs = new Set();
  let plots = 0;
  for (const colorScheme of ['light', 'dark']) for (const width of [390, 1440]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    page.on('console', (m) => wrong.push(m.text()));
    page.on('pageerror', (e) => wrong.push(e.message));
    page.on('request', (r) => { if (!/^(file|data):/.test(r.url())) wrong.push(r.url()); });
    await page.goto(pathToFileURL(process.argv[3]).href);
    const seen = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      back: getComputedStyle(document.body).backgroundColor,
      plots: [...document.querySelectorAll('svg')].filter((s) => s.getBoundingClientRect().width > 0).length,
      small: [...document.querySelectorAll('svg text')].filter((t) => {
        const h = t.getBoundingClientRect().height;
        return h > 0 && h < 9;
      }).length,
      overlaps: [...document.querySelectorAll('svg')].flatMap((s) => {
        const boxes = [...s.querySelectorAll('text')].map((t) => t.getBoundingClientRect()).filter((b) => b.width > 0);
        return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1));
      }).length,
    }));
    backs.add(seen.back);
    plots = Math.max(plots, seen.plots);
    if (seen.wide) wrong.push(width + ' px: the page is wider than the window');
    if (seen.small) wrong.push(width + ' px: ' + seen.small + ' texts of plots are too small');
    if (seen.overlaps) wrong.push(width + ' px: ' + seen.overlaps + ' texts of plots overlap');
    await page.close();
  }
  await browser.close();
  process.stdout.write(JSON.stringify({ wrong, plots, schemes: backs.size }));
})().catch((e) => { process.stderr.write(e.stack); process.exit(1); });
`

// The page can be read in a browser: light and dark, on a phone and on a desk. It fetches nothing and runs nothing.
func TestBenchPage(t *testing.T) {
	t.Parallel()
	browser := need.Chromium(t)
	modules := filepath.Join("..", "..", "interop")
	node := need.NodeModule(t, modules, "playwright-core")
	module, err := filepath.Abs(filepath.Join(modules, "node_modules", "playwright-core"))
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "report.html")
	n := 0
	url := echoServer(t, func(p []byte) []byte {
		if n++; n%20 == 0 {
			return nil
		}
		return p
	})
	benched(t, 99, url, "-c", "1", "--rate", "100", "-d", "1s", "--timeout", "500ms", "--html", page, "--fail", "errors>1", "--fail", "p99>1h")
	out, err := exec.CommandContext(t.Context(), node, "-e", pageScript, module, browser, page).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var seen struct {
		Wrong   []string
		Plots   int
		Schemes int
	}
	if err := json.Unmarshal(out, &seen); err != nil || len(seen.Wrong) > 0 || seen.Plots < 4 || seen.Schemes != 2 {
		t.Errorf("%s, %v", out, err)
	}
}
