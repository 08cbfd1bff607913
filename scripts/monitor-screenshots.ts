// Takes the screenshots in README.md and docs/monitor.md:
//
//   npm run screenshots
//
// Needs Chromium (Debian's package chromium).
import { createSocket } from "node:dgram";
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OscBundle, OscMessage, type OscPacket, TimeTag, encode, float } from "../src/codec/index.ts";
import { Namespace } from "../src/namespace/index.ts";
import { serveOscQuery } from "../src/oscquery/index.ts";
import { TestBrowser } from "../test/browser/chromium.ts";
import { MonitorPage } from "../test/browser/monitor-page.ts";

const FOLDER = fileURLToPath(new URL("../docs/images/", import.meta.url));
const SECONDS = 25;
const TICK_MS = 50;
const WIDE = { viewport: { width: 1360, height: 820 } };
const PHONE = { viewport: { width: 390, height: 760 }, isMobile: true, hasTouch: true };

/** What a small show might send at a given tick. */
function* showAt(tick: number): Generator<OscPacket | Uint8Array> {
  const seconds = (tick * TICK_MS) / 1000;
  yield new OscMessage("/mixer/1/fader", float(0.5 + 0.45 * Math.sin(seconds * 1.3)));
  yield new OscMessage("/mixer/2/fader", float(0.5 + 0.3 * Math.sin(seconds * 2.1 + 1)));
  yield new OscMessage("/phone/accel", [float(Math.sin(seconds)), float(Math.cos(seconds * 1.7)), float(0.3 * Math.sin(seconds * 5))]);
  if (tick % 7 === 0) {
    const note = 60 + ((tick / 7) % 12);
    yield new OscBundle(
      [new OscMessage("/note/on", [note, 100]), new OscMessage("/synth/1/cutoff", float(200 + 90 * note))],
      TimeTag.in(20),
    );
  }
  if (tick % 23 === 0) yield new OscMessage("/scene/title", ["Act 2, scene 1", true, null]);
  if (tick === (SECONDS - 2) * (1000 / TICK_MS)) yield new TextEncoder().encode("hello?");
}

/** Plays the show until the returned function is called. Resolves when the plots have data. */
async function playShow(monitor: MonitorPage, plotted: readonly string[] = []): Promise<() => void> {
  const socket = createSocket("udp4");
  let tick = 0;
  const timer = setInterval(() => {
    for (const packet of showAt((tick += 1))) {
      socket.send(packet instanceof Uint8Array ? packet : encode(packet), Number(monitor.port), "127.0.0.1");
    }
  }, TICK_MS);
  for (const address of plotted) await monitor.page.click(`[aria-label="Plot ${address}"]`);
  await sleep(SECONDS * 1000);
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

async function picture(monitor: MonitorPage, name: string): Promise<void> {
  // Let the last frame be drawn.
  await sleep(300);
  writeFileSync(`${FOLDER}${name}.png`, await monitor.page.screenshot());
  console.log(`docs/images/${name}.png`);
}

mkdirSync(FOLDER, { recursive: true });
await using browser = await TestBrowser.launch();

{
  await using monitor = await MonitorPage.open(browser, { ...WIDE, colorScheme: "dark" });
  const stop = await playShow(monitor, ["/synth/1/cutoff"]);
  await monitor.page.fill("#send-line", "/scene/next 3 2.5 soon");
  await monitor.page.press("#send-line", "Enter");
  await monitor.row("/scene/next").waitFor();
  await monitor.page.evaluate("document.activeElement.blur()");
  await picture(monitor, "monitor-dark");
  stop();
}
{
  await using monitor = await MonitorPage.open(browser, { ...WIDE, colorScheme: "light" });
  const stop = await playShow(monitor);
  await monitor.page.fill("#filter", "/note/* /synth/*");
  await monitor.page.click("#pause");
  await monitor.row("/note/on").nth(4).click();
  await picture(monitor, "monitor-light");
  stop();
}
{
  await using monitor = await MonitorPage.open(browser, { ...PHONE, colorScheme: "dark" });
  const stop = await playShow(monitor);
  await picture(monitor, "monitor-phone");
  stop();
}
{
  const namespace = new Namespace();
  for (const channel of [1, 2]) {
    const fader = { types: "f", range: [{ min: 0, max: 1, clip: "both" }], unit: "gain.linear", value: [0.5] } as const;
    namespace.add(`/mixer/${channel}/gain`, { ...fader, description: `Fader of channel ${channel}` });
    namespace.add(`/mixer/${channel}/mute`, { types: "T", value: [channel === 2] });
  }
  namespace.add("/mixer/bus", { types: "s", range: [{ values: ["main", "aux"] }], value: ["main"], description: "Where the sum goes" });
  namespace.add("/mixer/level", { types: "f", access: "read", unit: "gain.db", value: [-20], description: "Level of the sum" });
  const server = await serveOscQuery(namespace, { name: "Mixer" });
  await using monitor = await MonitorPage.ofQuery(browser, server.url, { ...WIDE, colorScheme: "dark" });
  for (let tick = 0; tick < SECONDS * (1000 / TICK_MS); tick += 1) {
    const seconds = (tick * TICK_MS) / 1000;
    namespace.set("/mixer/1/gain", [0.5 + 0.45 * Math.sin(seconds * 1.3)]);
    namespace.set("/mixer/level", [-18 + 6 * Math.sin(seconds * 2.1)]);
    await sleep(TICK_MS);
  }
  await picture(monitor, "monitor-methods");
  await server.close();
}
