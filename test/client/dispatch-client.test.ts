import { describe, expect, test } from "vitest";
import { DispatchClient } from "../../src/client/index.ts";
import { OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
import { Dispatcher, type HandlerContext } from "../../src/dispatch/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { Reports, dispatchClient, portOf } from "./clients.ts";
import { Peer } from "./peer.ts";

describe("handleMessages", () => {
  test("calls the handlers of the messages that have arrived, and returns how many there were", async () => {
    const peer = await Peer.open();
    const client = dispatchClient(peer.port);
    const calls: unknown[] = [];
    client.dispatcher.map("/gain", (address, ...args) => void calls.push([address, ...args]));
    client.dispatcher.map("/name*", (address, fixed, ...args) => void calls.push([address, fixed, ...args]), { args: ["fixed"] });
    client.dispatcher.setDefaultHandler((address) => void calls.push(address));
    await client.sendMessage("/get");
    const { from } = await peer.next();
    const answer = new OscBundle([new OscMessage("/gain", [1, 0.5]), new OscMessage("/name/of", "bass"), new OscMessage("/unknown")]);
    await peer.say(answer, from.port);
    expect(await client.handleMessages({ timeout: 20 })).toBe(3);
    expect(calls).toEqual([["/gain", 1, 0.5], ["/name/of", ["fixed"], "bass"], "/unknown"]);
  });

  test("handles what has arrived and doesn't wait with timeout: 0", async () => {
    const peer = await Peer.open();
    const client = dispatchClient(peer.port);
    const port = await portOf(client);
    for (let index = 0; index < 3; index += 1) await peer.say(new OscMessage("/x", index), port);
    expect(await client.handleMessages({ timeout: 0 })).toBe(3);
    expect(await client.handleMessages({ timeout: 0 })).toBe(0);
  });

  test("sends replies of every form to the sender of the message, with the client's option numbers", async () => {
    const peer = await Peer.open();
    const stranger = await Peer.open();
    const client = dispatchClient(peer.port, { numbers: "float" });
    const senders: NetAddress[] = [];
    client.dispatcher.map("/text", () => "/done");
    client.dispatcher.map("/list", () => ["/volume", 1]);
    client.dispatcher.map("/message", async () => Promise.resolve(new OscMessage("/later", "yes")));
    client.dispatcher.map("/who", (sender) => void senders.push(sender), { needsReplyAddress: true });
    const port = await portOf(client);
    for (const address of ["/text", "/list", "/message", "/who"]) await stranger.say(new OscMessage(address), port);
    await client.handleMessages({ timeout: 0 });
    expect((await stranger.next()).packet).toEqual(new OscMessage("/done"));
    const { packet, from } = await stranger.next();
    expect(packet).toMatchObject({ address: "/volume", types: "f", args: [1] });
    expect(from.port).toBe(port);
    expect((await stranger.next()).packet).toEqual(new OscMessage("/later", "yes"));
    expect(senders).toEqual([{ address: "127.0.0.1", port: stranger.port, family: "IPv4" }]);
    expect(peer.unread).toBe(0);
  });

  test("awaits async handlers, one message after another", async () => {
    const peer = await Peer.open();
    const client = dispatchClient(peer.port);
    const events: string[] = [];
    client.dispatcher.map("/slow", async (_address, name) => {
      events.push(`begin ${String(name)}`);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      events.push(`end ${String(name)}`);
    });
    const port = await portOf(client);
    await peer.say(new OscMessage("/slow", "a"), port);
    await peer.say(new OscMessage("/slow", "b"), port);
    await client.handleMessages({ timeout: 0 });
    expect(events).toEqual(["begin a", "end a", "begin b", "end b"]);
  });

  test("reports a handler that throws, now or later, with the sender, and runs the others", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = dispatchClient(peer.port, { onError: reports.listener });
    const calls: string[] = [];
    client.dispatcher.map("/x", () => {
      throw new Error("thrown");
    });
    client.dispatcher.map("/x", () => Promise.reject(new Error("rejected")));
    client.dispatcher.map("/x", () => 5 as unknown as string);
    client.dispatcher.map("/x", (address) => void calls.push(address));
    await peer.say(new OscMessage("/x"), await portOf(client));
    expect(await client.handleMessages({ timeout: 0 })).toBe(1);
    expect(calls).toEqual(["/x"]);
    expect(reports.codes).toEqual(["OSC_HANDLER_FAILED", "OSC_HANDLER_FAILED", "OSC_BAD_REPLY"]);
    expect(reports.all.map(({ address }) => address?.port)).toEqual([peer.port, peer.port, peer.port]);
  });

  test("shows handlers the time tag, the captures and the message, and reports a decoding fault once", async () => {
    const peer = await Peer.open();
    const reports = new Reports();
    const client = dispatchClient(peer.port, { onError: reports.listener });
    const timeTag = TimeTag.in(3_600_000);
    const contexts: HandlerContext[] = [];
    client.dispatcher.map("/ch/*", (context) => void contexts.push(context), { needsContext: true });
    const port = await portOf(client);
    await peer.say(new OscBundle(new OscMessage("/ch/7", 1), timeTag), port);
    await peer.say(Uint8Array.from(Buffer.from("/ch/8\0\0\0,f\0\0\x3f\x80", "latin1")), port);
    expect(await client.handleMessages({ timeout: 0 })).toBe(2);
    expect(contexts.map(({ captures, timeTag, message }) => [captures, timeTag, message.args])).toEqual([
      [["7"], timeTag, [1]],
      [["8"], null, [1]],
    ]);
    expect(client.stats().faults).toBe(reports.all.length);
    expect(reports.all.length).toBe(1);
  });

  test("ends when a handler calls shutdown, when the signal is aborted, and when the client is closed", async () => {
    const peer = await Peer.open();
    const client = dispatchClient(peer.port);
    const port = await portOf(client);
    client.dispatcher.map("/stop", (context) => context.shutdown(), { needsContext: true });
    for (const address of ["/a", "/stop", "/b"]) await peer.say(new OscMessage(address), port);
    expect(await client.handleMessages()).toBe(2);

    const controller = new AbortController();
    client.dispatcher.map("/b", () => controller.abort());
    expect(await client.handleMessages({ signal: controller.signal })).toBe(1);

    client.dispatcher.map("/close", () => void client.close());
    const handling = client.handleMessages({ timeout: Infinity });
    await peer.say(new OscMessage("/close"), port);
    expect(await handling).toBe(1);
  });

  test("doesn't call handlers with replies to requests", async () => {
    const peer = await Peer.open();
    const client = dispatchClient(peer.port);
    const calls: unknown[] = [];
    client.dispatcher.map("/*", (address) => void calls.push(address));
    peer.answerAll((message) => new OscBundle([new OscMessage("/news"), message]));
    const handling = client.handleMessages({ timeout: Infinity });
    expect((await client.request("/get")).address).toBe("/get");
    await client.close();
    await handling;
    expect(calls).toEqual(["/news"]);
  });

  test("uses the given dispatcher, or one of the client's own", () => {
    const dispatcher = new Dispatcher();
    expect(new DispatchClient("127.0.0.1", 9000, { dispatcher }).dispatcher).toBe(dispatcher);
    expect(new DispatchClient("127.0.0.1", 9000).dispatcher).not.toBe(new DispatchClient("127.0.0.1", 9000).dispatcher);
  });
});
