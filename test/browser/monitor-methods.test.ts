import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type OscMessage, decode } from "../../src/codec/index.ts";
import { Namespace } from "../../src/namespace/index.ts";
import { serveOscQuery } from "../../src/oscquery/index.ts";
import { Tool } from "../cli/run-tool.ts";
import { describeWith } from "../interop/programs.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";
import { MonitorPage } from "./monitor-page.ts";

/** A small mixer with a method for each kind of control. */
function mixer(): Namespace {
  const namespace = new Namespace();
  const fader = { types: "f", range: [{ min: 0, max: 1, clip: "both" }], unit: "gain.linear", description: "Fader of channel 1" } as const;
  namespace.add("/mixer/1/gain", { ...fader, value: [0.5] });
  namespace.add("/mixer/1/mute", { types: "T", value: [false] });
  namespace.add("/mixer/1/bus", { types: "s", range: [{ values: ["main", "aux", "<b>"] }], value: ["main"] });
  namespace.add("/mixer/1/level", { types: "f", access: "read", value: [-20], unit: "gain.db" });
  namespace.add("/mixer/1/position", { types: "ii", range: [{ min: -10, max: 10 }, null], value: [0, 7] });
  namespace.add("/scene/next", { types: "N" });
  return namespace;
}

describeWith([CHROMIUM], "oscine monitor --query", () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.connect();
  });
  afterAll(() => browser[Symbol.asyncDispose]());

  const open = (url: string, options = {}): Promise<MonitorPage> => MonitorPage.ofQuery(browser, url, options);
  const method = (monitor: MonitorPage, address: string): ReturnType<MonitorPage["row"]> =>
    monitor.page.locator(`.method[data-address="${address}"]`);

  test("shows methods with descriptions, units and live values, and sets them with sliders, switches and menus", async () => {
    const namespace = mixer();
    const server = await serveOscQuery(namespace, { name: "Mixer" });
    onTestFinished(() => server.close());
    await using monitor = await open(server.url);
    const { page } = monitor;
    await page.locator("#methods-title", { hasText: "Methods of Mixer" }).waitFor();
    const gain = method(monitor, "/mixer/1/gain");
    await gain.filter({ hasText: "Fader of channel 1" }).filter({ hasText: "gain.linear" }).waitFor();
    expect(await gain.locator('input[type=range][min="0"][max="1"]').inputValue()).toBe("0.5");
    const level = method(monitor, "/mixer/1/level");
    await level.locator("output", { hasText: "-20.0" }).waitFor();
    expect(await level.locator("input").count()).toBe(0);

    namespace.set("/mixer/1/level", [-6]);
    namespace.set("/mixer/1/gain", [0.75]);
    await level.locator("output", { hasText: "-6.0" }).waitFor();
    await expect.poll(() => gain.locator("input").inputValue()).toBe("0.75");
    await monitor.row("/mixer/1/level").filter({ hasText: "-6.0" }).waitFor();

    await gain.locator("input").fill("0.25");
    await expect.poll(() => namespace.get("/mixer/1/gain")?.value).toEqual([0.25]);
    await method(monitor, "/mixer/1/mute").locator("input").check();
    await expect.poll(() => namespace.get("/mixer/1/mute")?.value).toEqual([true]);
    await method(monitor, "/mixer/1/bus").locator("select").selectOption("<b>");
    await expect.poll(() => namespace.get("/mixer/1/bus")?.value).toEqual(["<b>"]);
    await method(monitor, "/mixer/1/position").locator("input[type=range]").fill("-3");
    await expect.poll(() => namespace.get("/mixer/1/position")?.value).toEqual([-3, 7]);
    const pressed = new Promise((resolve) => void namespace.subscribe(resolve));
    await method(monitor, "/scene/next").locator("button", { hasText: "Send" }).click();
    expect(await pressed).toMatchObject({ kind: "value", method: { address: "/scene/next", value: [null] } });
    monitor.expectNoFault();
  });

  test("shows two pages each other's changes, and methods that come and go", async () => {
    const namespace = mixer();
    const server = await serveOscQuery(namespace);
    onTestFinished(() => server.close());
    await using monitor = await open(server.url);
    await using second = await browser.open(monitor.url, { viewport: { width: 390, height: 760 } });
    await second.page.locator("#tab-methods").click();
    const fader = second.page.locator('.method[data-address="/mixer/1/gain"] input');
    await fader.fill("0.125");
    await expect.poll(() => method(monitor, "/mixer/1/gain").locator("input").inputValue()).toBe("0.125");
    namespace.add("/mixer/2/gain", { types: "f", value: [0.5] });
    await method(monitor, "/mixer/2/gain").waitFor();
    namespace.remove("/mixer/1/bus");
    await expect.poll(() => method(monitor, "/mixer/1/bus").count()).toBe(0);
    expect(second.errors).toEqual([]);
    monitor.expectNoFault();
  });

  test("says that the server is gone, and goes on when it is back", async () => {
    const first = await serveOscQuery(mixer());
    await using monitor = await open(first.url);
    const gain = method(monitor, "/mixer/1/gain");
    await gain.waitFor();
    await first.close();
    await monitor.row("OSC_QUERY_UNREACHABLE").waitFor();
    await gain.locator("input").fill("0.25");
    await monitor.page.locator("#methods-problem", { hasText: "doesn't answer" }).waitFor();
    const again = mixer();
    again.set("/mixer/1/gain", [0.875]);
    again.remove("/mixer/1/mute");
    const { port } = first.address;
    const back = await serveOscQuery(again, { port });
    onTestFinished(() => back.close());
    await expect.poll(() => gain.locator("input").inputValue()).toBe("0.875");
    await expect.poll(() => method(monitor, "/mixer/1/mute").count()).toBe(0);
    monitor.expectNoFault();
  });

  test("reads a server without LISTEN again and again, and sends to its OSC port", async () => {
    const osc = createSocket("udp4").bind(0, "127.0.0.1");
    await once(osc, "listening");
    let value = 1;
    const http = createServer(({ url = "" }, response) => {
      const info = { NAME: "VRChat-Client-1", OSC_IP: "127.0.0.1", OSC_PORT: osc.address().port, OSC_TRANSPORT: "UDP" };
      const level = { FULL_PATH: "/level", TYPE: "i", ACCESS: 3, VALUE: [value], RANGE: [{ MIN: 0, MAX: 9 }] };
      response.end(JSON.stringify(url.includes("HOST_INFO") ? info : { FULL_PATH: "/", CONTENTS: { level } }));
    }).listen(0, "127.0.0.1");
    await once(http, "listening");
    onTestFinished(() => {
      osc.close();
      http.closeAllConnections();
      http.close();
    });
    await using monitor = await open(`127.0.0.1:${(http.address() as AddressInfo).port}`);
    const level = method(monitor, "/level").locator("input");
    await expect.poll(() => level.inputValue()).toBe("1");
    value = 4;
    await expect.poll(() => level.inputValue()).toBe("4");
    const received = once(osc, "message");
    await level.fill("6");
    const [bytes] = (await received) as [Buffer];
    expect((decode(bytes) as OscMessage).args).toEqual([6]);
    monitor.expectNoFault();
  });

  test("ends with one line if nobody answers", async () => {
    const tool = new Tool(["monitor", "--query", "127.0.0.1:9"]);
    expect(await tool.ended).toMatchObject({ code: 1, err: expect.stringMatching(/^oscine: [^\n]*doesn't answer[^\n]*\n$/) as string });
  });
});
