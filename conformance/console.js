// The web console in a real browser: Debian's Chromium, driven by Playwright.
//
// usage: node console.js target/release/rialto [--shots DIR] [--figures]
//
// --figures says how often the book is drawn each time that it is measured. It starts a venue of its own, ends it and starts it again on the same port. Screenshots are kept for people to look at.
// Exit code 0 when all checks passed, 1 otherwise.
"use strict";

const { spawn } = require("node:child_process");
const { mkdirSync } = require("node:fs");
const { createServer } = require("node:net");
const { chromium } = require("playwright-core");
const axe = require("axe-core");

/** How long what has to come is waited for. */
const PATIENCE = 20_000;
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const DIALECTS = ["bitstamp", "xrocket", "timex", "finazon", "confluencecode"];

const [binary, ...words] = process.argv.slice(2);
const shots = words.includes("--shots") ? words[words.indexOf("--shots") + 1] : null;
let passed = 0;
let failed = 0;
const complaints = [];

/** Does something and tells how it went; what it returns is said beside it. */
async function check(name, what) {
  try {
    const said = await what();
    passed += 1;
    console.log(`ok    ${name}${said ? `: ${said}` : ""}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\n").slice(0, 3).join(" ")}`);
  }
}

function must(condition, trouble) {
  if (!condition) throw new Error(trouble);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function start(port, ...more) {
  const venue = spawn(binary, ["serve", "--ephemeral", "--seed", "7", "--listen", `127.0.0.1:${port}`, ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  venue.at = `127.0.0.1:${port}`;
  return new Promise((resolve, reject) => {
    let said = "";
    venue.stdout.on("data", (data) => {
      said += data;
      if (said.includes("listening on")) resolve(venue);
    });
    venue.on("exit", (code) => reject(new Error(`the venue ended with ${code}`)));
  });
}

function end(venue) {
  return new Promise((resolve) => {
    venue.removeAllListeners("exit");
    venue.on("exit", resolve);
    venue.kill("SIGKILL");
  });
}

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

/** What changes in an element's text: it has to within the patience. */
async function changes(page, selector) {
  const before = await page.locator(selector).first().textContent();
  const differs = ([selector, before]) => document.querySelector(selector)?.textContent !== before;
  await page.waitForFunction(differs, [selector, before], { timeout: PATIENCE });
}

/** What is asked until it is something, within the patience. */
async function becomes(ask, trouble) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const told = await ask();
    if (told) return told;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(trouble);
}

async function accessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const worded = bad.map(({ id, nodes }) => `${id} (${nodes[0].target})`).join(", ");
  must(bad.length === 0, worded);
}

/** Runs a program of the explorer in the page until it has printed something: how many texts it has said, and what it prints. */
function run(program) {
  const printed = [];
  let [said, socket] = [0, null];
  class Traced extends WebSocket {
    constructor(...given) {
      super(...given);
      socket = this;
    }
    send(text) {
      said += 1;
      super.send(text);
    }
  }
  return new Promise((resolve) => {
    const log = (...parts) => {
      printed.push(parts.join(" "));
      end();
    };
    const end = () => {
      socket.onclose = null;
      socket.close();
      resolve([said, printed]);
    };
    new Function("WebSocket", "console", program)(Traced, { log });
    setTimeout(end, 10_000);
  });
}

/** Runs in the page before all else: which book has come last over its socket. */
function noteBooks() {
  const Plain = WebSocket;
  globalThis.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        const [, number] = /"channel":"orderbook".*?"sequence":"?(\d+)/.exec(data) ?? [];
        if (number) globalThis.lastBook = Number(number);
      });
    }
  };
}

/** Ten seconds of a page with a book: when each frame of the screen came, which book it showed, and what that took. */
async function watch(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const counted = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const before = await counted();
  const seen = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const [frames, long] = [[], []];
        const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ startTime }) => startTime)));
        observer.observe({ type: "longtask" });
        const number = document.querySelector(".number-of-book");
        const begin = performance.now();
        const step = (now) => {
          frames.push([now, Number(number.textContent.split(" ")[1]), globalThis.lastBook]);
          if (now - begin < 10_000) requestAnimationFrame(step);
          else {
            observer.disconnect();
            resolve({ frames, long, middle: begin + 5_000 });
          }
        };
        requestAnimationFrame(step);
      }),
  );
  const after = await counted();
  await session.detach();
  const spent = (name) => after[name] - before[name];
  const { frames, long, middle } = seen;
  const seconds = (frames.at(-1)[0] - frames[0][0]) / 1_000;
  const between = frames.slice(1).map(([now], at) => ({ now, ms: now - frames[at][0] }));
  const sorted = between.map(({ ms }) => ms).sort((one, two) => one - two);
  // Later than the second of the screen's own frames: at least one was left out.
  const halves = (list, when) => [list.filter((it) => when(it) < middle).length, list.filter((it) => when(it) >= middle).length];
  return {
    median: sorted[sorted.length >> 1],
    slowest: sorted[Math.floor(sorted.length * 0.99)],
    told: (frames.at(-1)[1] - frames[0][1]) / seconds,
    drawn: new Set(frames.map(([, number]) => number)).size / seconds,
    // What had come before a frame of the screen is what is seen when the next one begins.
    behind: frames.slice(1).filter(([, shown], at) => shown < frames[at][2]).length,
    late: halves(between.filter(({ ms }) => ms > 25), ({ now }) => now),
    long: halves(long, (at) => at),
    isKnown: frames.at(-1)[2] >= frames.at(-1)[1],
    busy: spent("TaskDuration") / seconds,
    layouts: spent("LayoutCount") / frames.length,
    styles: spent("RecalcStyleCount") / frames.length,
  };
}

async function main() {
  if (shots) mkdirSync(shots, { recursive: true });
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  let venue = await start(port);
  const executablePath = BROWSERS.find((path) => require("node:fs").existsSync(path));
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(PATIENCE);
  // As from another machine over plain HTTP, where browsers have less.
  await page.addInitScript(() => {
    delete Crypto.prototype.randomUUID;
  });
  let isDown = false;
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // That the server is not there is what the browser says of a server that is not there.
    if (message.type() === "error" && !isDown) complaints.push(message.text());
  });

  try {
    await check("first paint within a second", async () => {
      await page.goto(`${base}/`);
      await page.locator(".markets tbody tr").first().waitFor();
      const [paint] = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint"));
      must(paint && paint.startTime < 1_000, `it came after ${paint?.startTime} ms`);
      return `${Math.round(paint.startTime)} ms`;
    });
    await check("nothing is loaded from elsewhere", async () => {
      const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
      const foreign = loaded.filter((name) => !name.startsWith(base) && !name.startsWith("data:"));
      must(foreign.length === 0, foreign.join(" "));
      return `${loaded.length} parts`;
    });
    await check("all instruments, and prices that move", async () => {
      const rows = await page.locator(".markets tbody tr").count();
      must(rows >= 9, `${rows} rows`);
      await page.locator(".markets td.up, .markets td.down").first().waitFor();
      await changes(page, ".markets tbody tr td.number");
    });
    await check("markets are accessible", () => accessible(page));
    await shoot(page, "markets");

    await check("an instrument: book, candles, tape move", async () => {
      await page.locator(".markets a", { hasText: "BTC/USD" }).first().click();
      await page.locator(".level.ask .price").first().waitFor();
      await changes(page, ".number-of-book");
      await changes(page, ".tape tbody");
      const crossed = await page.evaluate(() => {
        const best = (side, at) => Number([...document.querySelectorAll(`.level.${side}:not(.none) .price`)].at(at).textContent);
        return best("bid", 0) >= best("ask", -1);
      });
      must(!crossed, "the book is crossed");
      await page.locator(".candles canvas").first().waitFor();
    });
    await check("candles are drawn", async () => {
      // The chart has pixels in the colour of rising or falling candles.
      await page.waitForFunction(() => {
        const color = (name) => {
          const probe = document.body.appendChild(document.createElement("i"));
          probe.style.color = getComputedStyle(document.documentElement).getPropertyValue(name);
          const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
          probe.remove();
          return [red, green, blue];
        };
        const wanted = [color("--bid"), color("--ask")];
        return [...document.querySelectorAll(".candles canvas")].some((canvas) => {
          if (!canvas.width) return false;
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let at = 0; at < data.length; at += 4) {
            const is = ([red, green, blue]) => data[at] === red && data[at + 1] === green && data[at + 2] === blue;
            if (wanted.some(is)) count += 1;
          }
          return count > 20;
        });
      }, null, { timeout: PATIENCE });
    });
    await check("the ladder is the book that HTTP gives", async () => {
      await page.goto(`${base}/#/instrument/ETH-AUDT`);
      await page.locator(".level.bid:not(.none) .price").first().waitFor();
      // Some changes later, so that it is not the whole book of the beginning.
      for (let change = 0; change < 5; change += 1) await changes(page, ".number-of-book");
      const same = async () => {
        const rows = (side) => [...document.querySelectorAll(`.level.${side}:not(.none)`)].map((row) => [row.querySelector(".price"), row.querySelector("span.number")].map((it) => Number(it.textContent)));
        const { bids, asks } = await (await fetch("/rialto/v1/instruments/ETH-AUDT/book", { cache: "no-store" })).json();
        const best = (side) => side.slice(0, 14).map(({ price, quantity }) => [Number(price), Number(quantity)]);
        const [shown, told] = [[rows("bid"), rows("ask").reverse()], [best(bids), best(asks)]];
        return shown[0].length === 14 && JSON.stringify(shown) === JSON.stringify(told);
      };
      await becomes(() => page.evaluate(same), "the ladder is another book");
      await page.goto(`${base}/#/instrument/BTC-USD`);
      await page.locator(".level.bid:not(.none) .price").first().waitFor();
    });
    await check("an order is placed, filled, and seen", async () => {
      await page.locator("#kind").selectOption("market");
      await page.locator("#quantity").fill("0.01");
      const balances = page.locator("section[aria-label=Balances] tbody");
      const before = await balances.textContent();
      await page.locator("button.buy").click();
      await page.locator(".answer", { hasText: /buy 0\.01: .*0\.01 filled/ }).waitFor();
      const differs = (before) => document.querySelector("section[aria-label=Balances] tbody").textContent !== before;
      await page.waitForFunction(differs, before);
      return page.locator(".answer").textContent();
    });
    await check("an order rests and is cancelled", async () => {
      await page.locator("#kind").selectOption("limit");
      await page.locator("#price").fill("50000");
      await page.locator("#quantity").fill("0.001");
      await page.locator("button.buy").click();
      const row = page.locator("section[aria-label='Open orders'] tbody tr", { hasText: "50000" });
      await row.waitFor();
      await shoot(page, "instrument");
      await row.getByRole("button").click();
      await row.waitFor({ state: "detached" });
    });
    await check("a refusal is told in the market's words", async () => {
      const said = complaints.length;
      await page.locator("#price").fill("50000.001");
      await page.locator("button.buy").click();
      await page.locator(".answer.bad", { hasText: "tick size" }).waitFor();
      // The browser itself complains of the 422, which is right here.
      complaints.splice(said);
    });
    await check("an instrument is accessible", () => accessible(page));
    await check("dark and light", async () => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const before = await ground();
      await page.locator("#theme").click();
      must((await ground()) !== before, "the ground stayed as it was");
      await shoot(page, "instrument-other-theme");
      await accessible(page);
    });
    await check("an instrument that only Finazon lists", async () => {
      await page.goto(`${base}/#/instrument/AAPL-USD`);
      await page.locator(".level.ask:not(.none) .price").first().waitFor();
      await page.locator(".tape tbody tr").first().waitFor();
    });

    await check("a perpetual: mark, funding, a position that is opened and closed", async () => {
      // Held by itself, so that there is a price at which it would be liquidated.
      const native = (method, path, body) =>
        page.evaluate(
          async ([method, path, body]) => {
            const { accounts } = await (await fetch("/rialto/v1/demo")).json();
            const headers = { Authorization: `Bearer ${accounts[0].native.key}`, "Content-Type": "application/json" };
            return (await fetch(`/rialto/v1${path}`, { method, headers, body: body && JSON.stringify(body) })).json();
          },
          [method, path, body],
        );
      await native("PUT", "/margin/BTC-USD-PERP", { leverage: 20 });
      await native("PUT", "/margin/BTC-USD-PERP", { mode: "isolated" });
      await page.goto(`${base}/#/instrument/BTC-USD-PERP`);
      const fact = (name) => page.locator(`[data-fact=${name}]`);
      await fact("rate").filter({ hasText: /^[+-]?\d+\.\d{4} %$/ }).waitFor();
      await fact("next").filter({ hasText: /^in \d/ }).waitFor();
      await fact("open").filter({ hasText: /^\d/ }).waitFor();
      await page.locator("section[aria-label=Position]", { hasText: "none" }).waitFor();
      await page.locator("#kind").selectOption("market");
      await page.locator("#quantity").fill("0.01");
      await page.locator("button.buy").click();
      const row = page.locator("tr[data-position]");
      await row.waitFor();
      const cells = await row.locator("td").allTextContents();
      const { positions: [told] } = await native("GET", "/positions?instrument=BTC-USD-PERP");
      const expected = ["long", "0.01", told.entry_price.replace(/\.?0+$/, "")];
      must(expected.every((text, at) => cells[at] === text), `${cells} is shown of ${expected}`);
      must(Number(cells[4]) > 0 && Number(cells[4]) < Number(cells[3]) && cells[4] === told.liquidation_price, `liquidated at ${cells[4]}, entered at ${cells[2]}`);
      must(cells[5] === "20× isolated", cells[5]);
      // Another mark is another profit; the button stays the one that it is.
      await row.evaluate((it) => (it.seen = true));
      await changes(page, "tr[data-position] td:nth-child(7)");
      must(await row.evaluate((it) => it.seen), "the row was made anew");
      await shoot(page, "perpetual");
      await accessible(page);
      // An order that only reduces, and then the rest of it at once.
      await page.locator("#reduces").check();
      await page.locator("#quantity").fill("0.004");
      await page.locator("button.sell").click();
      await row.locator("td:nth-child(2)", { hasText: /^0\.006$/ }).waitFor();
      await row.getByRole("button").click();
      await page.locator(".answer", { hasText: "closed 0.006 of 0.006" }).waitFor();
      await row.waitFor({ state: "detached" });
      return `entered at ${cells[2]}, liquidated at ${cells[4]}`;
    });

    for (const dialect of DIALECTS) {
      await check(`explorer: ${dialect} answers`, async () => {
        await page.goto(`${base}/#/explorer/${dialect}`);
        const ready = page.locator(".ready button");
        await ready.first().waitFor();
        const count = await ready.count();
        for (let place = 0; place < count; place += 1) {
          const heard = await page.locator(".frames .heard").count();
          await ready.nth(place).click();
          const more = (heard) => document.querySelectorAll(".frames .heard").length > heard;
          await page.waitForFunction(more, heard);
        }
        const program = await page.locator(".program").textContent();
        must(program.includes(`127.0.0.1:${port}`) && program.includes("websockets"), "no program is shown");
        await shoot(page, `explorer-${dialect}`);
        // The same as a program of the browser: it says what it says, and hears what it hears.
        await page.locator("section[aria-label='The same as a program'] button", { hasText: "JavaScript" }).click();
        const [said, printed] = await page.evaluate(run, await page.locator(".program").textContent());
        must(said >= 1 && printed[0]?.startsWith("{"), `the program says ${said} texts and prints ${printed.length}`);
        return `${count} requests; as a program ${said} texts said, ${printed[0].slice(0, 40)}… heard`;
      });
    }
    await check("explorer: the event of each frame that is told", async () => {
      await page.goto(`${base}/#/explorer/bitstamp`);
      await page.locator(".ready button", { hasText: "Every order" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".frames .heard .event:not(:empty)").length >= 10);
      const heard = () => [...document.querySelectorAll(".frames .heard")].map((row) => [row.querySelector(".event").textContent, row.querySelector("code").textContent]);
      await page.locator("button", { hasText: "Hang up" }).click();
      await page.locator(".frames .closed").waitFor();
      const frames = await page.evaluate(heard);
      const told = frames.filter(([, text]) => text.includes("live_orders"));
      const answers = frames.filter(([, text]) => text.includes("subscription_succeeded"));
      must(answers.length === 1 && answers[0][0] === "", "an answer has no event");
      const numbers = told.filter((it) => !answers.includes(it)).map(([event]) => Number(event.slice(1)));
      must(numbers.every((it, at) => it > 0 && (at === 0 || numbers[at - 1] <= it)), `the events are ${numbers}`);
      // The server's own record of this end says which event it had told last. Those of earlier ends say less.
      const recorded = async (newest) => {
        const { goodbyes } = await (await fetch("/rialto/v1/goodbyes?dialect=bitstamp&limit=1")).json();
        return Number(goodbyes[0]?.last_event) >= newest && goodbyes[0].last_event;
      };
      const newest = numbers.at(-1);
      const last = await becomes(() => page.evaluate(recorded, newest), "the server has no record of that end");
      must(newest > Number(last) - 10_000, `${newest} is the last, the server says ${last}`);
      must(!frames.some(([, text]) => text.includes("rialto")), "a number is shown as a frame");
      // And of that one event alone.
      await page.locator("#filter").fill(String(numbers[0]));
      await page.waitForFunction((event) => [...document.querySelectorAll(".frames .event")].every((it) => it.textContent === event), `#${numbers[0]}`);
      return `events ${numbers[0]} to ${newest}; the server says ${last}`;
    });
    await check("the explorer is accessible", () => accessible(page));

    await check("system: events are counted", async () => {
      await page.goto(`${base}/#/system`);
      await page.locator("tr", { hasText: "events" }).first().waitFor();
      await changes(page, "section[aria-label=Metrics] td.number");
      // The console's own socket is one of them.
      await page.locator("section[aria-label=Connections] tbody tr", { hasText: "xrocket" }).first().waitFor();
      // And those that the explorer has opened have ended.
      await page.locator("section[aria-label=Goodbyes] tbody tr", { hasText: "bitstamp" }).first().waitFor();
      await shoot(page, "system");
      await accessible(page);
    });

    await check("60 books a second are drawn, and it does not grow slower", async () => {
      // Market time eight times as fast: ten books of each of its seconds, and a tape to match.
      const fast = await start(await freePort(), "--clock", "2026-01-05T09:00:00Z@8");
      const others = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      others.on("pageerror", (error) => complaints.push(error.message));
      await others.addInitScript(noteBooks);
      try {
        const { at } = fast;
        await others.goto(`http://${at}/#/instrument/BTC-USD`);
        await others.locator(".tape tbody tr").nth(20).waitFor();
        let trouble;
        // Somebody else's work may take the machine away for a while; three times in a row it is ours.
        for (let round = 0; round < 3; round += 1) {
          const it = await watch(others);
          const round1 = (value) => value.toFixed(1);
          const told = `${round1(it.told)} told and ${round1(it.drawn)} drawn a second, ${it.behind} frames behind, a frame of the screen in ${round1(it.median)} ms (99 of 100 within ${round1(it.slowest)} ms), late ${it.late.join(" then ")}, long tasks ${it.long.join(" then ")}, the page busy ${round1(100 * it.busy)} %, ${round1(it.layouts)} layouts and ${round1(it.styles)} styles a frame`;
          if (words.includes("--figures")) console.log(`      ${told}`);
          trouble = [
            it.told < 60 && "too few books are told",
            it.median > 17 && "the screen's frames are late",
            (it.behind > 0 || !it.isKnown) && "what had come was not drawn with the next frame",
            it.late[1] > it.late[0] + 15 && "it grows slower",
            it.long[1] > it.long[0] + 5 && "long tasks grow",
          ].filter(Boolean);
          if (trouble.length === 0) return told;
          trouble = `${trouble.join(", ")}: ${told}`;
        }
        throw new Error(trouble);
      } finally {
        await others.close();
        await end(fast);
      }
    });

    await check("the server is gone, and the page says so", async () => {
      await page.goto(`${base}/#/instrument/ETH-USD`);
      await page.locator("#line[data-live=true]").waitFor();
      isDown = true;
      await end(venue);
      await page.locator("#line[data-live=false]").waitFor();
      return page.locator("#line").textContent();
    });
    await check("it is back, and the market moves again", async () => {
      venue = await start(port);
      await page.locator("#line[data-live=true]").waitFor();
      isDown = false;
      await changes(page, ".number-of-book");
      await changes(page, ".tape tbody");
    });

    await check("on a phone nothing is wider than the screen", async () => {
      await page.setViewportSize({ width: 390, height: 844 });
      for (const path of ["#/", "#/instrument/BTC-USD", "#/explorer/bitstamp", "#/system"]) {
        await page.goto(`${base}/${path}`);
        await page.locator("main h1").waitFor();
        await page.waitForTimeout(300);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        must(width <= 390, `${path} is ${width} wide`);
      }
      await page.goto(`${base}/#/instrument/BTC-USD`);
      await page.locator(".level.ask .price").first().waitFor();
      await shoot(page, "phone");
    });
    await check("by keyboard", async () => {
      await page.keyboard.press("s");
      await page.locator("h1", { hasText: "System" }).waitFor();
      await page.keyboard.press("m");
      await page.locator("h1", { hasText: "Markets" }).waitFor();
    });
    await check("no complaint in the browser's console", () => must(complaints.length === 0, complaints.join(" | ")));
  } finally {
    await browser.close();
    await end(venue);
  }
}

main()
  .catch((error) => {
    failed += 1;
    console.log(`FAIL  run: ${error.stack}`);
  })
  .finally(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
  });
