import { afterAll, beforeAll, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { describeWith } from "../interop/programs.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";
import { MonitorPage } from "./monitor-page.ts";
import { Site } from "./site.ts";

const HTML = '<img src=x onerror="document.title=1"><script>document.title=1</script>';

describeWith([CHROMIUM], "attacks on the monitor's page", () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.connect();
  });
  afterAll(() => browser[Symbol.asyncDispose]());

  test("HTML in addresses, strings and errors is shown as text, wherever it is shown", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    await monitor.send(new OscMessage(`/${HTML}`, [HTML, 1]), new OscMessage(`/html/${HTML}/x`, 1), new TextEncoder().encode(HTML));
    await monitor.row("OSC_BAD_ADDRESS").waitFor();
    for (const row of await monitor.row("img src").all()) {
      await row.click();
      await page.locator("#details-hex", { hasText: "img src" }).waitFor();
    }
    await monitor.treeItem("img src").first().waitFor();
    await page.locator(".chart h3", { hasText: "img src" }).first().waitFor();
    await page.fill("#send-line", `/x ${JSON.stringify(HTML)}`);
    await page.press("#send-line", "Enter");
    await page.locator("#send-log .sent.done", { hasText: "img src" }).waitFor();
    await page.fill("#filter", `/[${HTML}`);
    await page.locator("#filter-problem", { hasText: "img src" }).waitFor();
    expect(await page.locator("img, script:not([src])").count()).toBe(0);
    expect(await page.title()).toBe("Oscine monitor");
    monitor.expectNoFault();
  });

  test("text that turns or hides what stands beside it is shown as escapes", async () => {
    await using monitor = await MonitorPage.open(browser);
    await monitor.send(new OscMessage("/a/\u202egnp.exe", "x\u202ey"));
    await monitor
      .row(String.raw`\u202egnp.exe`)
      .filter({ hasText: String.raw`x\u202ey` })
      .waitFor();
    await monitor.treeItem(String.raw`\u202egnp.exe`).waitFor();
    monitor.expectNoFault();
  });

  test("pages of other origins get neither the feed nor the page, even with the token", async () => {
    await using monitor = await MonitorPage.open(browser);
    await using site = await Site.open("<!doctype html><title>other</title>");
    await using other = await browser.open(site.url);
    const { pathname, origin, port } = new URL(monitor.url);
    const feeds = [`${origin}${pathname}feed`, `${origin}/feed`, `http://localhost:${port}${pathname}feed`];
    for (const feed of feeds) {
      const outcome: unknown = await other.page.evaluate(`new Promise((resolve) => {
        const socket = new WebSocket(${JSON.stringify(feed.replace("http", "ws"))});
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
      })`);
      expect(outcome, feed).toBe("refused");
    }
    const read: unknown = await other.page.evaluate(`fetch(${JSON.stringify(monitor.url)}).then(() => "read", () => "refused")`);
    expect(read).toBe("refused");
    const framed: unknown = await other.page.evaluate(`new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.onload = () => resolve(frame.contentDocument === null ? "refused" : "blank");
      frame.src = ${JSON.stringify(monitor.url)};
      document.body.append(frame);
    })`);
    expect(framed).toBe("refused");
    expect(other.errors.join("\n")).toMatch(/frame-ancestors|X-Frame-Options|refused to connect/i);
    expect(await monitor.counter("open pages")).toBe(1);
  });

  test("counts and ignores frames that aren't commands", async () => {
    await using monitor = await MonitorPage.open(browser);
    await monitor.page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(location.href.replace("http", "ws") + "feed");
      socket.onopen = () => {
        socket.send("/text 1");
        socket.send(new Uint8Array([0, 1, 2]));
        socket.close();
      };
      socket.onclose = resolve;
    })`);
    await expect.poll(() => monitor.counter("invalid commands")).toBe(2);
    await monitor.send(new OscMessage("/still/here"));
    await monitor.row("/still/here").waitFor();
    monitor.expectNoFault();
  });
});
