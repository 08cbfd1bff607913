import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { OscDecodeError, OscDroppedError, OscRejectedError, OscServerError } from "../../src/errors.ts";
import { Reports, collect, portOf, simpleClient, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";
import { steadyPort } from "../steady-port.ts";

const addressesOf = (messages: readonly OscMessage[]): string[] => messages.map(({ address }) => address);

describe("messages", () => {
  test("are received on the client's socket until the timeout", async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port);
    for (const name of ["first", "second"]) {
      await client.sendMessage(`/${name}`, [1, name]);
      const { packet, from } = await peer.next();
      await peer.say(new OscMessage("/echo", (packet as OscMessage).args), from.port);
    }
    expect(await collect(client.messages({ timeout: 20 }))).toEqual([
      new OscMessage("/echo", [1, "first"]),
      new OscMessage("/echo", [1, "second"]),
    ]);
  });

  test("that have arrived aren't missed if the event loop was busy for longer than the timeout", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const port = await portOf(client);
    const messages = collect(client.messages({ timeout: 100 }));
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    peer.socket.send(encode(new OscMessage("/in/time")), port, "127.0.0.1");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(await messages).toEqual([new OscMessage("/in/time")]);
  });

  test("of bundles come one by one and at once, with their sender and the innermost time tag", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const later = TimeTag.in(3_600_000);
    const latest = TimeTag.in(7_200_000);
    const inner = new OscBundle([new OscMessage("/c")], latest);
    await peer.say(new OscBundle([new OscMessage("/a"), inner, new OscMessage("/b")], later), await portOf(client));
    await peer.say(new OscMessage("/d"), await portOf(client));
    const received = await collect(client.receive({ timeout: 20 }));
    expect(received.map(({ message, timeTag }) => [message.address, timeTag])).toEqual([
      ["/a", later],
      ["/c", latest],
      ["/b", later],
      ["/d", null],
    ]);
    for (const { from } of received) expect(from).toEqual({ address: "127.0.0.1", port: peer.port, family: "IPv4" });
  });

  test("are only those that have arrived with timeout: 0", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const port = await portOf(client);
    expect(await collect(client.messages({ timeout: 0 }))).toEqual([]);
    for (const address of ["/a", "/b", "/c"]) await peer.say(new OscMessage(address), port);
    expect(addressesOf(await collect(client.messages({ timeout: 0 })))).toEqual(["/a", "/b", "/c"]);
  });

  test("reset the timeout", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const port = await portOf(client);
    let heard = 0;
    await peer.say(new OscMessage("/tick"), port);
    for await (const { address } of client.messages({ timeout: 200 })) {
      expect(address).toBe("/tick");
      heard += 1;
      if (heard < 6) setTimeout(() => void peer.say(new OscMessage("/tick"), port), 50);
    }
    expect(heard).toBe(6);
  });

  test("that nobody has read stay for the next iteration", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    for (const address of ["/a", "/b", "/c"]) await peer.say(new OscMessage(address), await portOf(client));
    for await (const { address } of client.messages()) {
      expect(address).toBe("/a");
      break;
    }
    expect(addressesOf(await collect(client.messages({ timeout: 0 })))).toEqual(["/b", "/c"]);
  });

  test("go to the iteration that has waited longest", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const port = await portOf(client);
    const left = client.messages();
    const right = client.messages();
    const nexts = [left.next(), right.next(), left.next()];
    for (const address of ["/a", "/b", "/c"]) await peer.say(new OscMessage(address), port);
    const values = (await Promise.all(nexts)).map(({ value }) => value as OscMessage);
    expect(addressesOf(values).toSorted()).toEqual(["/a", "/b", "/c"]);
    expect(values[0]?.address).not.toBe(values[2]?.address);
    expect(client.stats()).toMatchObject({ received: 3, unread: 0, dropped: 0 });
  });

  test("end quietly when the signal is aborted", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const controller = new AbortController();
    const ending = collect(client.messages({ signal: controller.signal }));
    await client.open();
    setImmediate(() => controller.abort());
    expect(await ending).toEqual([]);
    expect(await collect(client.messages({ signal: AbortSignal.abort() }))).toEqual([]);
    await peer.say(new OscMessage("/after"), await portOf(client));
    expect(await collect(client.messages({ timeout: 0 }))).toHaveLength(1);
  });

  test("open the socket, at the given port", async () => {
    const peer = await Peer.open();
    const taken = await Peer.open();
    const wrong = udpClient(peer.port, { localPort: taken.port, localAddress: "127.0.0.1" });
    await expect(wrong.messages().next()).rejects.toMatchObject({ code: "EADDRINUSE" });

    const port = await steadyPort();
    const client = udpClient(peer.port, { localPort: port });
    const next = client.messages().next();
    await client.open();
    await peer.say(new OscMessage("/hello"), port);
    expect((await next).value).toEqual(new OscMessage("/hello"));
  });

  test.each([-1, Number.NaN, "1" as unknown as number])("reject a timeout of %s at once", (timeout) => {
    expect(() => udpClient(9000).messages({ timeout })).toThrow(OscServerError);
  });
});

function isReadable(bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe("the inbox", () => {
  test("drops the oldest message beyond maxInbox, counts and reports it", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { maxInbox: 3, onError: reports.listener });
    const port = await portOf(client);
    for (let index = 0; index < 10; index += 1) await peer.say(new OscMessage("/n", index), port);
    await reports.atLeast(7);
    expect(client.stats()).toMatchObject({ received: 10, dropped: 7, unread: 3 });
    expect(reports.all[0]?.error).toBeInstanceOf(OscDroppedError);
    expect(reports.all[0]?.error).toMatchObject({ limit: "maxInbox", message: expect.stringContaining("maxInbox (3)") });
    expect((await collect(client.messages({ timeout: 0 }))).map(({ args }) => args[0])).toEqual([7, 8, 9]);
  });

  test("drops the oldest message beyond maxInboxBytes", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { maxInboxBytes: 2500, onError: reports.listener });
    const port = await portOf(client);
    for (let index = 0; index < 4; index += 1) await peer.say(new OscMessage("/blob", [index, new Uint8Array(1000)]), port);
    await reports.atLeast(2);
    expect(reports.all[0]?.error).toMatchObject({ limit: "maxInboxBytes", message: expect.stringContaining("maxInboxBytes (2500)") });
    expect((await collect(client.messages({ timeout: 0 }))).map(({ args }) => args[0])).toEqual([2, 3]);
  });

  test("counts what the arguments of unread messages weigh, not only their bytes", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { maxInboxBytes: 100_000, onError: reports.listener });
    const port = await portOf(client);
    await peer.say(new OscMessage("/few", 1), port);
    await peer.say(new OscMessage("/flags", new Array(8000).fill(true)), port);
    await reports.atLeast(1);
    expect(reports.all[0]?.error).toMatchObject({ code: "OSC_DROPPED", limit: "maxInboxBytes" });
    expect(client.stats()).toMatchObject({ received: 2, dropped: 2, unread: 0 });
  });
});

describe("hostile datagrams", () => {
  const malformed = readFileSync(new URL("../vectors/malformed.jsonl", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { hex: string })
    .map(({ hex }) => new Uint8Array(Buffer.from(hex, "hex")));

  test("are counted and reported with their sender, and the iteration goes on", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { onError: reports.listener });
    const port = await portOf(client);
    const messages = client.messages();
    const first = messages.next();
    await peer.say(Uint8Array.of(1, 2, 3), port);
    await peer.say(new Uint8Array(0), port);
    await peer.say(new OscMessage("/good", 1), port);
    expect((await first).value).toEqual(new OscMessage("/good", 1));
    expect(client.stats()).toMatchObject({ received: 3, malformed: 2 });
    expect(reports.all[1]?.error).toBeInstanceOf(OscRejectedError);
    expect(reports.all[1]?.error).toMatchObject({ reason: "malformed" });
    const cause = reports.all[1]?.error.cause;
    expect(cause).toBeInstanceOf(OscDecodeError);
    // A trace would take ten times as long as all the rest.
    expect(Object(cause).stack).not.toContain("\n    at ");
    expect(reports.all[1]?.address).toEqual({ address: "127.0.0.1", port: peer.port, family: "IPv4" });
  });

  test("never end the client", async () => {
    expect(malformed.length).toBeGreaterThan(10);
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { onError: reports.listener });
    const port = await portOf(client);
    const sent = malformed.filter((bytes) => bytes.length <= 65_507);
    for (const bytes of sent) await peer.say(bytes, port);
    await peer.say(new OscMessage("/end"), port);
    for await (const { address } of client.messages()) {
      if (address === "/end") break;
    }
    const { received, malformed: refused, faults } = client.stats();
    expect(received).toBe(sent.length + 1);
    expect(refused).toBe(sent.filter((bytes) => !isReadable(bytes)).length);
    expect(refused).toBeGreaterThan(10);
    expect(faults).toBeGreaterThan(10);
  });

  test("lose only a bad element", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { onError: reports.listener });
    const good = new OscMessage("/good", 7);
    const bytes = encode(new OscBundle([good, new OscMessage("/bad!", 1), good]));
    const unknownTag = bytes.indexOf("!".charCodeAt(0)) + 5;
    bytes[unknownTag] = "?".charCodeAt(0);
    await peer.say(bytes, await portOf(client));
    expect(await collect(client.messages({ timeout: 20 }))).toEqual([good, good]);
    expect(client.stats()).toMatchObject({ received: 1, malformed: 0, faults: 1 });
    expect(reports.all[0]?.error).toBeInstanceOf(OscDecodeError);
  });

  test("are rejected with strict: true although they are read by default", async () => {
    const cutShort = Uint8Array.from(Buffer.from("/x\0\0,f\0\0\x3f\x80", "latin1"));
    const peer = await Peer.open();
    for (const strict of [false, true]) {
      const client = udpClient(peer.port, { strict, onError: () => undefined });
      await peer.say(cutShort, await portOf(client));
      expect(await collect(client.messages({ timeout: 20 }))).toHaveLength(strict ? 0 : 1);
      expect(client.stats().malformed).toBe(strict ? 1 : 0);
    }
  });

  test("are reported at a limited rate, and close() says how many weren't", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = udpClient(peer.port, { maxReports: 3, onError: reports.listener });
    const port = await portOf(client);
    for (let index = 0; index < 50; index += 1) await peer.say(Uint8Array.of(0xff, 1, 2, 3), port);
    await peer.say(new OscMessage("/end"), port);
    await client.messages().next();
    expect(client.stats().malformed).toBe(50);
    await client.close();
    const held = reports.all.filter(({ error }) => error.code === "OSC_SUPPRESSED").map(({ error }) => Number.parseInt(error.message, 10));
    const reported = reports.codes.filter((code) => code === "OSC_REJECTED").length;
    expect(held.length).toBeGreaterThan(0);
    expect(reported + held.reduce((sum, count) => sum + count, 0)).toBe(50);
  });

  test("survive an onError that throws", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, {
      onError: () => {
        throw new Error("not my day");
      },
    });
    const print = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      await peer.say(Uint8Array.of(1), await portOf(client));
      await peer.say(new OscMessage("/good"), await portOf(client));
      expect(await collect(client.messages({ timeout: 20 }))).toHaveLength(1);
      expect(print.mock.calls.flat().join(" ")).toContain("onError failed");
    } finally {
      print.mockRestore();
    }
  });
});
