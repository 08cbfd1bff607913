import { expect, test } from "vitest";
import { bundle } from "../../bench/suite/bundle-size.ts";
import { describeWith } from "../interop/programs.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";

/** Runs in the page. The board behind the port answers, and is sending already when the port is opened: the page hears the end of a message first. */
const PAGE = `(async () => {
  const { OscMessage, StreamClient, createFrameDecoder, decode, encode, encodeFrame } = oscine;
  const frame = (message) => encodeFrame(encode(message), "1.1");

  class FakePort {
    readable = null;
    writable = null;
    speeds = [];
    unplug = () => undefined;

    async open({ baudRate }) {
      if (this.readable !== null) throw new DOMException("The port is already open.", "InvalidStateError");
      this.speeds.push(baudRate);
      let device;
      this.readable = new ReadableStream({ type: "bytes", start: (controller) => void (device = controller) });
      const answer = (bytes) => device.enqueue(frame(new OscMessage("/led/is", decode(bytes).args)));
      const decoder = createFrameDecoder("1.1", { onPacket: answer, onError: (error) => console.error(error) });
      this.writable = new WritableStream({ write: (bytes) => decoder.push(bytes) });
      device.enqueue(frame(new OscMessage("/sensor", 0.5)).slice(3));
      this.unplug = () => {
        device.error(new DOMException("The device has been lost.", "NetworkError"));
        this.readable = null;
      };
    }

    async close() {
      if (this.readable?.locked || this.writable?.locked) throw new TypeError("Cannot close a locked port.");
      this.readable = this.writable = null;
    }
  }

  const port = new FakePort();
  const errors = [];
  const client = new StreamClient(port, { baudRate: 9600, reconnect: { minDelay: 1 }, onError: ({ code }) => errors.push(code) });
  const ask = async (value) =>
    (await client.request("/led", value, { replyTo: "/led/is", timeout: 1000, retries: 20 })).args[0];
  const answers = [await ask(true)];
  const lost = new Promise((resolve) => client.on("state", (state) => state === "connected" || resolve(state)));
  port.unplug();
  await lost;
  answers.push(await ask(false));
  await client.close();
  return { answers, speeds: port.speeds, isOpen: port.readable !== null, truncated: errors.filter((code) => code === "OSC_FRAME_TRUNCATED") };
})()`;

describeWith([CHROMIUM], "StreamClient in Chromium", () => {
  test("talks with a board on a Web Serial port, and again after it was unplugged", async () => {
    const { code } = await bundle('export * from "oscine/browser";', "iife");
    await using browser = await TestBrowser.connect();
    await using opened = await browser.open("about:blank");
    await opened.page.addScriptTag({ content: code });
    expect(await opened.page.evaluate(PAGE)).toEqual({
      answers: [true, false],
      speeds: [9600, 9600],
      isOpen: false,
      truncated: ["OSC_FRAME_TRUNCATED", "OSC_FRAME_TRUNCATED"],
    });
    expect(opened.errors).toEqual([]);
  });
});
