// How smooth is the monitor's page at 5,000 messages per second, and does every message arrive?
//
//   npx tsx bench/monitor.ts [messages per second] [seconds]
//
// Needs Chromium (Debian's package chromium). Frame times are measured in the page; without a screen and a graphics card they depend on
// this machine's CPUs.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { TestBrowser } from "../test/browser/chromium.ts";
import { MonitorPage } from "../test/browser/monitor-page.ts";
import { OscMessage, encode, float } from "../src/codec/index.ts";

const [rate = 5000, seconds = 10] = process.argv.slice(2).map(Number);
const TICK_MS = 5;

/** Records in the page how long each frame took. */
const WATCH_FRAMES = `(() => {
  let before = performance.now();
  const frame = (now) => {
    globalThis.frameTimes.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  globalThis.frameTimes = [];
  requestAnimationFrame(frame);
})()`;

await using browser = await TestBrowser.launch();
await using monitor = await MonitorPage.open(browser);

/** The frames within this many milliseconds. */
async function framesOf(ms: number): Promise<number[]> {
  await monitor.page.evaluate("globalThis.frameTimes.length = 0");
  await sleep(ms);
  return (await monitor.page.evaluate("globalThis.frameTimes")) as number[];
}

await monitor.page.evaluate(WATCH_FRAMES);
await sleep(1000);
describe("idle", await framesOf(3000));

const load = sendLoad();
await sleep(500);
describe(`${rate} messages/s`, await framesOf(seconds * 1000 - 1000));
const sent = await load;

let counted = [0, 0, 0];
for (let quiet = 0; quiet < 3;) {
  await sleep(1000);
  const now = await Promise.all(["server received", "page received", "dropped before the page"].map((name) => monitor.counter(name)));
  quiet = String(now) === String(counted) ? quiet + 1 : 0;
  counted = now;
}
const [received = 0, shown = 0, dropped = 0] = counted;
console.log(
  `sent ${sent}, received ${received} (${sent - received} lost by the system before), in the page ${shown}, dropped for the page ${dropped}`,
);
if (shown + dropped !== received) throw new Error(`${received - shown - dropped} messages are missing and were not counted.`);

/** Sends evenly, a few messages each tick: faders and sensors, 64 addresses. @returns how many */
async function sendLoad(): Promise<number> {
  const socket = createSocket("udp4");
  const start = performance.now();
  const total = rate * seconds;
  let count = 0;
  while (count < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
    for (; count < due; count += 1) {
      const value = Math.sin(count / 500);
      const message =
        count % 4 === 0
          ? new OscMessage(`/sensor/${count % 64}/xyz`, [value, -value, float(0)])
          : new OscMessage(`/mixer/${count % 64}/fader`, float(value));
      socket.send(encode(message), Number(monitor.port), "127.0.0.1");
    }
    await sleep(TICK_MS);
  }
  socket.close();
  await once(socket, "close");
  return count;
}

function describe(what: string, frames: readonly number[]): void {
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
  console.log(`${what}: ${frames.length} frames, median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, longest ${at(1)} ms`);
}
