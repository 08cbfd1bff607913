import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, encode, float } from "../../src/codec/index.ts";
import { openRecording } from "../../src/recording/file.ts";
import { createRecordingWriter } from "../../src/recording/index.ts";
import { packetFromJson } from "../../src/text/json.ts";
import { Tool } from "../cli/run-tool.ts";
import { LIBLO_TOOLS, describeWith, run } from "../interop/programs.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";
import { MonitorPage, monitorUrl, numberIn, sendTo } from "./monitor-page.ts";
import { steadyPort } from "../steady-port.ts";

let browser: TestBrowser;

function useBrowser(): void {
  beforeAll(async () => {
    browser = await TestBrowser.connect();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
}

/** How many points of the first plot were drawn. */
const DRAWN_POINTS = `(() => {
  const canvas = document.querySelector(".chart canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at] > 0) drawn += 1;
  return drawn;
})()`;

describeWith([CHROMIUM, { name: "oscsend", install: LIBLO_TOOLS }], "the monitor beside oscsend", () => {
  useBrowser();

  test("shows a message in the list, the tree and a plot, and the terminal has it, too", async () => {
    await using monitor = await MonitorPage.open(browser);
    await monitor.page.locator("#messages-empty").waitFor();
    run("oscsend", ["127.0.0.1", monitor.port, "/mixer/gain", "fs", "0.25", "left"]);
    await monitor.row("/mixer/gain").filter({ hasText: ",fs" }).filter({ hasText: '0.25 "left"' }).waitFor();
    await monitor
      .row(/\d\d:\d\d:\d\d\.\d{3}/)
      .filter({ hasText: "127.0.0.1:" })
      .waitFor();
    await monitor.treeItem("/mixer/").waitFor();
    await monitor.treeItem("gain").filter({ hasText: '0.25 "left"' }).waitFor();
    const chart = monitor.page.locator(".chart", { hasText: "/mixer/gain" });
    await chart.locator("b", { hasText: "0.25" }).waitFor();
    run("oscsend", ["127.0.0.1", monitor.port, "/mixer/gain", "fs", "0.75", "left"]);
    await chart.locator("b", { hasText: "0.75" }).waitFor();
    expect(await monitor.page.evaluate(DRAWN_POINTS)).toBeGreaterThan(100);
    await monitor.tool.saysOut(/\/mixer\/gain +,fs +0\.25 "left"\n/);
    monitor.expectNoFault();
  });
});

describeWith([CHROMIUM], "the monitor's page", () => {
  useBrowser();

  test("sends what the form says, and shows the reply", async () => {
    const echo = createSocket("udp4");
    echo.bind(0, "127.0.0.1");
    await once(echo, "listening");
    onTestFinished(() => void echo.close());
    echo.on("message", (data, { port }) => {
      const reply = new OscBundle([new OscMessage("/got", [data.length, "bytes"])], TimeTag.IMMEDIATELY);
      echo.send(encode(reply), port, "127.0.0.1");
    });
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    expect(await page.inputValue("#send-target")).toBe(`127.0.0.1:${monitor.port}`);
    await page.fill("#send-target", `127.0.0.1:${echo.address().port}`);
    await page.fill("#send-line", "/mixer/gain ,fis 1 2 x");
    await page.locator("#send-preview", { hasText: '/mixer/gain ,fis 1.0 2 "x"' }).waitFor();
    await page.press("#send-line", "Enter");
    await page.locator("#send-log .sent.done").waitFor();
    await page.locator("#send-log .reply", { hasText: `127.0.0.1:${echo.address().port} /got ,is 32 "bytes" @now` }).waitFor();

    // To the server itself, so that it appears in the list; the line before comes back with the arrow key, also after a reload.
    await page.fill("#send-target", `127.0.0.1:${monitor.port}`);
    await page.fill("#send-line", "/hello 1");
    await page.press("#send-line", "Enter");
    await monitor.row("/hello").waitFor();
    await page.reload();
    // Once it shows what came before, the page listens to its keys as well.
    await monitor.row("/hello").waitFor();
    await page.press("#send-line", "ArrowUp");
    await page.press("#send-line", "ArrowUp");
    expect(await page.inputValue("#send-line")).toBe("/mixer/gain ,fis 1 2 x");
    monitor.expectNoFault();
  });

  test("says what is wrong before anything is sent, and what failed afterwards", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    await page.fill("#send-line", "/gain ,i loud");
    await page.locator("#send-preview.problem", { hasText: '"loud" does not fit type i' }).waitFor();
    await page.press("#send-line", "Enter");
    expect(await page.locator("#send-log li").count()).toBe(0);
    await page.fill("#send-line", "/gain 1");
    await page.fill("#send-target", "nonsense");
    await page.press("#send-line", "Enter");
    await page.locator("#send-log .failed", { hasText: "names no port" }).waitFor();
    monitor.expectNoFault();
  });

  test("shows bad packets with their reason, and any message with its bytes", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    await monitor.send(new TextEncoder().encode("junk"), new OscMessage("/gain", [float(0.5), ["a", true]]));
    await monitor.row("OSC_BAD_ADDRESS").filter({ hasText: "at byte 0" }).click();
    await page.locator("#details-hex", { hasText: "not OSC" }).waitFor();
    await monitor.row("/gain").click();
    await page.locator("#details-hex", { hasText: "# /gain" }).waitFor();
    expect(await page.locator("#details-facts").innerText()).toMatch(/f {2}0\.5 {2}float[^]*array begins[^]*s {2}"a" {2}string/);
    await page.click("#details-resend");
    expect(await page.inputValue("#send-line")).toBe('/gain ,f[sT] 0.5 "a"');
    await expect.poll(() => numberIn(page.locator("#figure-bad"))).toBe(1);
    await page.click("#details-close");
    expect(await page.locator("#details").isVisible()).toBe(false);
    monitor.expectNoFault();
  });

  test("filters, pauses, saves and clears", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    const packets = [
      new OscMessage("/mixer/1/gain", 0.5),
      new OscMessage("/other"),
      new OscBundle([new OscMessage("/mixer/2/gain", 1), new OscMessage("/other")], TimeTag.IMMEDIATELY),
    ];
    await monitor.send(...packets);
    await monitor.row("/mixer/2/gain").waitFor();
    await page.fill("#filter", "/mixer/*");
    await expect.poll(() => monitor.row("/").count()).toBe(2);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    expect(saved.suggestedFilename()).toMatch(/^oscine-[\dT-]+\.jsonl$/);
    const lines = (await text(await saved.createReadStream())).trim().split("\n");
    expect(lines.map((line) => Buffer.from(encode(packetFromJson(line))).toString("hex"))).toEqual(
      [packets[0]!, new OscBundle([new OscMessage("/mixer/2/gain", 1)], TimeTag.IMMEDIATELY)].map((packet) =>
        Buffer.from(encode(packet)).toString("hex"),
      ),
    );
    await page.fill("#filter", "/mixer/[");
    await page.locator("#filter-problem", { hasText: "Cannot map" }).waitFor();
    await page.click("#filter-clear");
    await expect.poll(() => monitor.row("/").count()).toBe(4);

    await page.click("#pause");
    await monitor.send(new OscMessage("/while/paused"));
    await page.locator("#pause", { hasText: "Resume (1 new)" }).waitFor();
    expect(await monitor.row("/while/paused").count()).toBe(0);
    await page.click("#pause");
    await monitor.row("/while/paused").waitFor();

    await page.click("#clear");
    await page.locator("#messages-empty").waitFor();
    await expect.poll(() => monitor.treeItem("/").count()).toBe(0);
    monitor.expectNoFault();
  });

  test("opens recordings, moves in their time, and goes back to live", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    await monitor.send(new OscMessage("/live/before"));
    await monitor.row("/live/before").waitFor();
    const folder = await mkdtemp(join(tmpdir(), "oscine-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const packets = [
      encode(new OscMessage("/cue/first", 0.25)),
      Uint8Array.of(0x2f, 0xe9, 0, 0, 0x2c, 0, 0, 0),
      encode(new OscMessage("/cue/second", 7)),
    ];
    const writer = createRecordingWriter("jsonl");
    const start = Date.UTC(2026, 0, 1);
    const lines = packets.map((data, index) =>
      writer.packet({ time: start + index * 2000, source: null, destination: null, transport: "udp", data: data.slice() }),
    );
    const file = join(folder, "show.jsonl");
    await writeFile(file, Buffer.concat(lines));

    await page.setInputFiles("#open-file", file);
    await page.locator("#connection", { hasText: "recording" }).waitFor();
    await page.locator("#recording-time", { hasText: "0:04.000 / 0:04.000" }).waitFor();
    await expect.poll(() => monitor.row("/").count()).toBe(3);
    await monitor.treeItem("second").filter({ hasText: "7" }).waitFor();
    await page.locator(".chart", { hasText: "/cue/second" }).locator("b", { hasText: "7" }).waitFor();
    expect(await page.isDisabled("#pause")).toBe(true);

    await page.fill("#recording-position", "250");
    await page.locator("#recording-time", { hasText: "0:01.000 / 0:04.000" }).waitFor();
    await expect.poll(() => monitor.row("/").allInnerTexts()).toEqual([expect.stringContaining("/cue/first")]);
    await expect.poll(() => page.locator("#figure-messages").innerText()).toBe("1");
    await page.locator(".chart", { hasText: "/cue/second" }).locator("b").waitFor({ state: "detached" });

    // What is saved is the whole of it, and exact.
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    const copy = join(folder, "copy.jsonl");
    await saved.saveAs(copy);
    const read: Uint8Array[] = [];
    for await (const { data } of await openRecording(copy)) read.push(data);
    expect(read.map((data) => Buffer.from(data))).toEqual(packets.map((data) => Buffer.from(data)));
    expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));

    await monitor.send(new OscMessage("/live/meanwhile"));
    await page.click("#recording-close");
    await monitor.row("/live/meanwhile").waitFor();
    expect(await monitor.row("/live/before").count()).toBe(1);
    expect(await monitor.row("/cue").count()).toBe(0);
    expect(await page.isVisible("#recording")).toBe(false);
    await page.locator("#connection.open").waitFor();

    // Dropped onto the page: first what is no recording.
    const drop = async (name: string, content: string): Promise<void> => {
      const dataTransfer = await page.evaluateHandle(`(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([${JSON.stringify(content)}], ${JSON.stringify(name)}));
        return transfer;
      })()`);
      await page.dispatchEvent("main", "drop", { dataTransfer });
    };
    await drop("diary.txt", "Dear diary");
    await page.locator("#recording-note", { hasText: "Can't open this file. Unknown recording format" }).waitFor();
    await drop("dropped.jsonl", Buffer.concat(lines.slice(0, 1)).toString());
    await monitor.row("/cue/first").waitFor();
    await page.locator("#recording-name", { hasText: "dropped.jsonl" }).waitFor();
    monitor.expectNoFault();
  });

  test("follows the newest message until the user scrolls up", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    const messages = Array.from({ length: 200 }, (_, index) => new OscMessage("/count", index));
    await monitor.send(...messages);
    await monitor.row(/,i199$/).waitFor();
    await page.hover("#message-scroller");
    await page.mouse.wheel(0, -800);
    await page.locator("#follow").waitFor();
    const seen = await monitor.row("/count").allInnerTexts();
    await monitor.send(new OscMessage("/newest", 1));
    await monitor.treeItem("/newest").waitFor();
    expect(await monitor.row("/count").allInnerTexts()).toEqual(seen);
    await page.click("#follow");
    await monitor.row("/newest").waitFor();
    monitor.expectNoFault();
  });

  test("is worked by keyboard alone", async () => {
    await using monitor = await MonitorPage.open(browser);
    const { page } = monitor;
    await monitor.send(new OscMessage("/a/x", 1), new OscMessage("/b", 2), new OscMessage("/a/y", 3));
    await monitor.row("/a/y").waitFor();
    const order: string[] = [];
    for (let count = 0; count < 9; count += 1) {
      await page.keyboard.press("Tab");
      order.push(
        String(await page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName")),
      );
    }
    expect(order).toEqual(["pause", "clear", "open", "save", "help", "filter", "messages", "address-scroller", "round"]);

    await page.keyboard.press("1");
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowUp");
    await page.locator("#details-title", { hasText: "/b" }).waitFor();
    expect(await page.locator("#messages").getAttribute("aria-activedescendant")).toBe(
      await page.locator(".row[aria-selected=true]").getAttribute("id"),
    );
    await page.keyboard.press("Escape");
    expect(await page.locator("#details").isVisible()).toBe(false);

    await page.keyboard.press("2");
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    expect(await page.inputValue("#filter")).toBe("/a/*");
    await expect.poll(() => monitor.row("/").count()).toBe(2);
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => monitor.treeItem("/").count()).toBe(2);
    await page.keyboard.press("ArrowDown");
    const plots = await page.locator(".chart").count();
    await page.keyboard.press("Space");
    await expect.poll(() => page.locator(".chart").count()).toBe(plots - 1);

    await page.keyboard.press("?");
    await page.locator("#help-dialog[open] kbd", { hasText: /^\/$/ }).waitFor();
    await page.uncheck("#shortcuts-on");
    await page.keyboard.press("Escape");
    await page.keyboard.press("p");
    expect(await page.getAttribute("#pause", "aria-pressed")).not.toBe("true");
    monitor.expectNoFault();
  });

  test("has a name for everything that can be worked, in light and dark and on a phone", async () => {
    const phone = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark", ...phone }] as const) {
      await using monitor = await MonitorPage.open(browser, options);
      const { page } = monitor;
      await monitor.send(new OscMessage("/a", 1));
      await monitor.row("/a").waitFor();
      const nameless = await page.evaluate(`[...document.querySelectorAll("button, input, [role=grid], [role=tree], [role=img]")]
        .filter((one) => !(one.ariaLabel || one.labels?.length || one.getAttribute("aria-labelledby") || one.innerText?.trim() || one.hidden))
        .map((one) => one.outerHTML)`);
      expect(nameless).toEqual([]);
      // Nothing is wider than the screen.
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      if ("isMobile" in options) {
        for (const view of ["addresses", "plots", "send"]) {
          await page.click(`.tabs [data-view=${view}]`);
          await page.locator(`.panel.${view}`).waitFor();
          expect(await page.locator(".panel:visible").count()).toBe(1);
        }
      }
      monitor.expectNoFault();
    }
  });
});

describeWith([CHROMIUM], "the monitor's page over time", () => {
  useBrowser();

  test("has after a reload what it had", async () => {
    await using monitor = await MonitorPage.open(browser);
    await monitor.send(new OscMessage("/before", 1));
    await monitor.row("/before").waitFor();
    await monitor.page.reload();
    await monitor.row("/before").waitFor();
    monitor.expectNoFault();
  });

  test("comes back when the monitor was started again, and loses nothing it had", async () => {
    const environment = { OSCINE_MONITOR_TOKEN: "a-token-for-tests" };
    const [port, pagePort] = [String(await steadyPort()), String(await steadyPort())];
    const words = ["monitor", `127.0.0.1:${port}`, "--port", pagePort];
    await using first = new Tool(words, environment);
    const url = await monitorUrl(first);
    await using opened = await browser.open(url);
    const row = (text: string) => opened.page.locator(".row:visible", { hasText: text });
    await opened.page.locator("#connection.open").waitFor();
    await sendTo(port, new OscMessage("/first"));
    await row("/first").waitFor();
    await first.signal("SIGTERM").ended;
    await opened.page.locator("#connection.lost", { hasText: "no connection; retry in" }).waitFor();
    await opened.page.fill("#send-line", "/x");
    await opened.page.press("#send-line", "Enter");
    await opened.page.locator("#send-log .failed", { hasText: "not connected" }).waitFor();
    await using second = new Tool(words, environment);
    await monitorUrl(second);
    await opened.page.locator("#connection.open").waitFor();
    await sendTo(port, new OscMessage("/second"));
    await row("/second").waitFor();
    expect(await row("/first").count()).toBe(1);
    expect(await numberIn(opened.page.locator("#figure-lost"))).toBe(0);
  });

  describe("under load", () => {
    test("gets every message, or says how many it did not get, and goes on", async () => {
      await using monitor = await MonitorPage.open(browser);
      const { page } = monitor;
      const perTick = 50;
      for (let tick = 0; tick < 150; tick += 1) {
        await monitor.send(...Array.from({ length: perTick }, (_, index) => new OscMessage(`/load/${index}`, [tick, Math.random()])));
      }
      await monitor.send(new OscMessage("/last"));
      await monitor.row("/last").waitFor();
      const account = async (): Promise<[number, number]> => [
        (await monitor.counter("received")) + (await monitor.counter("lost in transit")),
        await monitor.counter("server: received"),
      ];
      // What the system lost before the server is no one's to count here; it is none on most machines.
      await expect.poll(async () => (await account())[0]).toBeGreaterThan((150 * perTick) / 2);
      await expect.poll(async () => ((counts) => counts[0] - counts[1])(await account())).toBe(0);
      await page.fill("#filter", "/last");
      await expect.poll(() => monitor.row("/").count()).toBe(1);
      monitor.expectNoFault();
    });
  });
});
