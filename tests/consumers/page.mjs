// Opens an HTML report in Chromium as its readers would, and prints what it saw as JSON.
// Usage: node page.mjs CHROMIUM PAGE FOLDER: screenshots go to FOLDER.
import puppeteer from "puppeteer-core";
import { pathToFileURL } from "node:url";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [chromium, page, folder] = process.argv.slice(2);
const url = pathToFileURL(page).href;
const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: mkdtempSync(join(tmpdir(), "secure-scan-chromium-")),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"],
});
const seen = { views: [], requests: [], messages: [], dialogs: 0 };

async function open(width, scheme, script) {
  const tab = await browser.newPage();
  await tab.setJavaScriptEnabled(script);
  await tab.setViewport({ width, height: 900, deviceScaleFactor: 1 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  tab.on("request", (r) => { if (r.url() !== url) seen.requests.push(r.url()); });
  tab.on("console", (m) => seen.messages.push(m.text()));
  tab.on("pageerror", (e) => seen.messages.push(String(e)));
  tab.on("dialog", (d) => { seen.dialogs += 1; d.dismiss(); });
  await tab.goto(url, { waitUntil: "load" });
  return tab;
}

try {
  for (const width of [390, 1280]) {
    for (const scheme of ["light", "dark"]) {
      for (const script of [true, false]) {
        const tab = await open(width, scheme, script);
        // Outside of the page's own scripts, so that it works when these are off.
        seen.views.push({
          width, scheme, script,
          overflow: await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth),
          background: await tab.evaluate(() => getComputedStyle(document.body).backgroundColor),
          findings: await tab.evaluate(() => [...document.querySelectorAll("[data-severity]")].filter((e) => e.offsetHeight > 0).length),
          filter: await tab.evaluate(() => (document.querySelector(".filter")?.offsetHeight ?? 0) > 0),
          // Contrast of every text with what is behind it (WCAG 2.2, 1.4.3), the worst of all.
          contrast: await tab.evaluate(() => {
            const rgb = (c) => c.match(/[\d.]+/g).map(Number);
            const light = (c) => rgb(c).slice(0, 3).map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
              .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = (e) => {
              for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if ((rgb(c)[3] ?? 1) > 0) return c;
              }
              return "rgb(255, 255, 255)";
            };
            let worst = 21;
            for (const e of document.body.querySelectorAll("*:not(script)")) {
              const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
              if (!own) continue;
              const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
              worst = Math.min(worst, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
            }
            return worst;
          }),
        });
        if (script) await tab.screenshot({ path: join(folder, `${width}-${scheme}.png`), fullPage: true });
        await tab.close();
      }
    }
  }
  const tab = await open(1280, "light", true);
  const shown = () => tab.evaluate(() => [...document.querySelectorAll("[data-severity]")].filter((e) => e.offsetHeight > 0).length);
  await tab.type(".filter input[type=search]", "no such words anywhere");
  seen.searched = await shown();
  await tab.evaluate(() => { const s = document.querySelector(".filter input[type=search]"); s.value = ""; });
  await tab.click(".filter input[type=checkbox]");
  seen.unticked = await shown();
  await tab.close();
  // As printed: how many pages there are, and how many there would be if each were full.
  const paper = await open(680, "light", true);
  await paper.emulateMediaType("print");
  const height = await paper.evaluate(() => document.documentElement.scrollHeight);
  const pdf = join(folder, "print.pdf");
  await paper.pdf({ path: pdf, format: "A4", preferCSSPageSize: true });
  seen.pages = readFileSync(pdf, "latin1").match(/\/Type *\/Page\b/g).length;
  seen.full = height / 1009;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
