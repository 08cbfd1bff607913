import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Page } from "playwright-core";
import { UDPClient } from "../../src/client/index.ts";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { JackHome } from "../interop/jack.ts";
import { type Program, RunningProgram, describeWith } from "../interop/programs.ts";
import { steadyPort } from "../steady-port.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";

const SCSYNTH: Program = { name: "scsynth", install: "apt-get install supercollider-server" };
const JACKD: Program = { name: "jackd", install: "apt-get install jackd1" };

let browser: TestBrowser;

function useBrowser(): void {
  beforeAll(async () => {
    browser = await TestBrowser.connect();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
}

/** One of the programs of the example, on free ports. */
function example(name: string, ...words: readonly (string | number)[]): RunningProgram {
  return new RunningProgram(process.execPath, ["--import", "tsx", `examples/${name}.ts`, ...words.map(String)]);
}

/** A receiver of UDP, and what arrived. */
async function receiver(answer?: (message: OscMessage) => OscMessage | null): Promise<{ port: number; messages: OscMessage[] }> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  const messages: OscMessage[] = [];
  socket.on("message", (data, { port }) => {
    const message = decode(data) as OscMessage;
    messages.push(message);
    const reply = answer?.(message) ?? null;
    if (reply !== null) socket.send(encode(reply), port, "127.0.0.1");
  });
  return { port: socket.address().port, messages };
}

/** Moves a fader as a hand does. */
async function move(page: Page, id: string, value: number): Promise<void> {
  await page.locator(id).fill(String(value));
}

describeWith([CHROMIUM], "examples/browser-fader", () => {
  useBrowser();

  test("the faders play what answers as scsynth does", async () => {
    const synth = await receiver(({ address }) => (address === "/d_recv" ? new OscMessage("/done", "/d_recv") : null));
    await using program = example("browser-fader/fader", 0, synth.port);
    const [, url = ""] = await program.line(/^Open (http:\S+)$/);
    await using opened = await browser.open(url);
    await opened.page.locator("#state", { hasText: "playing" }).waitFor();
    await move(opened.page, "#pitch", 69);
    await move(opened.page, "#volume", 0.25);
    await opened.page.locator("#pitch-value", { hasText: "440.0 Hz" }).waitFor();
    await expect.poll(() => synth.messages.length).toBe(4);
    const [definition, created, pitch, volume] = synth.messages;
    expect(definition).toMatchObject({ address: "/d_recv", types: "b" });
    expect(created).toMatchObject({ address: "/s_new", types: "siiisfsf" });
    const node = created?.args[1];
    expect(pitch).toMatchObject({ address: "/n_set", types: "isf", args: [node, "freq", 440] });
    expect(volume).toMatchObject({ address: "/n_set", types: "isf", args: [node, "amp", 0.25] });
    await opened.page.goto("about:blank");
    await expect.poll(() => synth.messages.at(-1)).toMatchObject({ address: "/n_free", args: [node] });
    expect(opened.errors.filter((text) => !text.includes("favicon") && !text.includes("404"))).toEqual([]);
  });

  test("the faders say how to start scsynth where nobody answers", async () => {
    await using program = example("browser-fader/fader", 0, await steadyPort());
    const [, url = ""] = await program.line(/^Open (http:\S+)$/);
    await using opened = await browser.open(url);
    await opened.page.locator("#note", { hasText: "scsynth doesn't respond" }).waitFor();
  });

  test("the motion of the device arrives over UDP", async () => {
    const { port, messages } = await receiver();
    await using program = example("browser-fader/sensors", 0, port);
    const [, pagePort = ""] = await program.line(/^Open http:.*:(\d+)\/sensors\.html/);
    await using opened = await browser.open(`http://localhost:${pagePort}/sensors.html`);
    await opened.page.locator("#state", { hasText: "connected" }).waitFor();
    await opened.page.click("#start");
    await expect.poll(() => opened.page.isDisabled("#start")).toBe(true);
    await opened.page.evaluate(`
      dispatchEvent(new DeviceMotionEvent("devicemotion", { accelerationIncludingGravity: { x: 0.5, y: 1, z: 9.75 } }));
      dispatchEvent(new DeviceOrientationEvent("deviceorientation", { alpha: 1, beta: 2, gamma: 3 }));
      dispatchEvent(new DeviceOrientationEvent("deviceorientation", {}));
    `);
    const received = () => messages.map(({ address, types, args }) => [address, types, ...args]);
    const expected = [
      ["/phone/accel", "fff", 0.5, 1, 9.75],
      ["/phone/orientation", "fff", 1, 2, 3],
    ];
    await expect.poll(() => expected.every((one) => received().some((other) => String(other) === String(one)))).toBe(true);
    expect(received().every(([, types]) => types === "fff")).toBe(true);
    expect(await opened.page.innerText("#accel")).toMatch(/^-?\d+\.\d\d /);
  });
});

describeWith([CHROMIUM, SCSYNTH, JACKD], "examples/browser-fader with scsynth", () => {
  useBrowser();

  test("a fader of the page changes a synth", async () => {
    using jack = new JackHome("fader-example");
    const port = await steadyPort();
    await using scsynth = new RunningProgram("scsynth", ["-u", String(port), "-D", "0", "-R", "0"], jack.environment);
    await scsynth.line(/server ready/);
    await using program = example("browser-fader/fader", 0, port);
    const [, url = ""] = await program.line(/^Open (http:\S+)$/);
    await using opened = await browser.open(url);
    await opened.page.locator("#state", { hasText: "playing" }).waitFor();
    await using client = new UDPClient("127.0.0.1", port);
    const tree = await client.request("/g_queryTree", [0, 1], { replyTo: "/g_queryTree.reply", timeout: 20_000 });
    const node = tree.args[3] as number;
    expect(tree.args.slice(2, 6)).toEqual([1, node, -1, "oscine-sine"]);
    await move(opened.page, "#pitch", 81);
    await expect
      .poll(async () => (await client.request("/s_get", [node, "freq"], { replyTo: "/n_set", timeout: 20_000 })).args)
      .toEqual([node, "freq", 880]);
    await client.send(new OscMessage("/quit"));
    await scsynth.ended;
  });
});

describeWith([CHROMIUM], "examples/phone.ts", () => {
  useBrowser();

  test("shows two phones each other's faders and switches, and the terminal what they set", async () => {
    await using program = example("phone", 0, 0);
    // Of all addresses of this machine, as a phone has it: not loopback if there is another.
    const lines = await program.until((all) => all.filter((line) => line.startsWith("Open ")).length > 0);
    const [, url = ""] = /^Open (http:\S+)$/.exec(lines.findLast((line) => line.startsWith("Open ")) ?? "") ?? [];
    const phone = { viewport: { width: 390, height: 760 } };
    await using first = await browser.open(url, phone);
    await using second = await browser.open(url, phone);
    for (const { page } of [first, second]) await page.locator("#state", { hasText: "connected" }).waitFor();
    const fader = '[id="/mixer/1/gain"]';
    await expect.poll(() => second.page.locator(fader).inputValue()).toBe("0.5");
    await move(first.page, fader, 0.25);
    await expect.poll(() => second.page.locator(fader).inputValue()).toBe("0.25");
    await second.page.locator('[id="/mixer/2/mute"]').check();
    await expect.poll(() => first.page.locator('[id="/mixer/2/mute"]').isChecked()).toBe(true);
    await program.line(/^\/mixer\/1\/gain 0\.25$/);
    await program.line(/^\/mixer\/2\/mute true$/);
    expect([...first.errors, ...second.errors]).toEqual([]);
    program.kill("SIGINT");
  });
});
