import { describe, expect, test } from "vitest";
import { encode, OscBundle, OscMessage } from "../../src/codec/index.ts";
import { OscServerError, OscTimeoutError } from "../../src/errors.ts";
import { collect, portOf, Reports, simpleClient, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";

describe("request", () => {
  test("resolves with the message of the same address that comes back", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => new OscMessage(message.address, [...message.args, "answered"]));
    expect(await udpClient(peer.port).request("/ch/01/mix/fader", [1])).toEqual(new OscMessage("/ch/01/mix/fader", [1, "answered"]));
  });

  test("matches replyTo as an address or a pattern, and leaves other messages in the inbox", async () => {
    const peer = await Peer.open();
    peer.answerAll((message, { from }) => {
      void peer.say(new OscMessage("/other"), from.port);
      return new OscBundle([new OscMessage("/note"), new OscMessage(`${message.address}/reply`, 7), new OscMessage("/more")]);
    });
    const client = udpClient(peer.port);
    expect(await client.request("/get", [], { replyTo: "/get/reply" })).toEqual(new OscMessage("/get/reply", 7));
    expect(await client.request("/get", [], { replyTo: "/{get,put}/r*" })).toEqual(new OscMessage("/get/reply", 7));
    expect((await collect(client.messages({ timeout: 50 }))).map(({ address }) => address)).toEqual([
      "/other",
      "/note",
      "/more",
      "/other",
      "/note",
      "/more",
    ]);
  });

  test("takes a reply to #reply, and leaves other messages without a slash to messages() and handlers", async () => {
    const reports = new Reports();
    const peer = await Peer.open();
    const odd = (address: string): Uint8Array => {
      const bytes = encode(new OscMessage(`/${address.slice(1)}`, 7));
      bytes[0] = address.charCodeAt(0);
      return bytes;
    };
    const client = udpClient(peer.port, { onError: reports.listener });
    const reply = client.request("/synth/", [], { replyTo: "#reply" });
    const { from } = await peer.next();
    for (const address of ["#other", "error", "last", "#reply"]) await peer.say(odd(address), from.port);
    expect(await reply).toMatchObject({ address: "#reply", args: [7] });
    expect(reports.codes).toEqual(Array(4).fill("OSC_BAD_ADDRESS"));
    expect((await client.messages().next()).value).toMatchObject({ address: "#other", args: [7] });
    const seen: unknown[] = [];
    client.dispatcher.setDefaultHandler((address, ...args) => void seen.push([address, ...args]));
    expect(await client.handleMessages({ timeout: 0 })).toBe(2);
    expect(seen).toEqual([
      ["error", 7],
      ["last", 7],
    ]);
  });

  test("takes a message that its address pattern matches as the reply", async () => {
    const peer = await Peer.open();
    peer.answerAll(() => new OscMessage("/ch/12/name", "bass"));
    expect((await udpClient(peer.port).request("/ch/*/name")).args).toEqual(["bass"]);
  });

  test("takes the same address as the reply even if it contains pattern characters", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => new OscMessage(message.address));
    expect((await udpClient(peer.port).request("/avatar/[broken")).address).toBe("/avatar/[broken");
  });

  test("gives each of a hundred simultaneous requests its own reply, in order", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => new OscMessage(message.address, [`reply ${String(message.args[0])}`]));
    const client = udpClient(peer.port);
    const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => client.request(index % 2 === 0 ? "/even" : "/odd", index)));
    expect(replies).toEqual(replies.map((_, index) => new OscMessage(index % 2 === 0 ? "/even" : "/odd", `reply ${index}`)));
    expect(client.stats()).toMatchObject({ pending: 0, unread: 0 });
  });

  test("tells replies apart by accept if they come in another order", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const ask = (id: number): Promise<OscMessage> => client.request("/track/volume", id, { accept: (reply) => reply.args[0] === id });
    const replies = [ask(1), ask(2), ask(3)];
    const { from } = await peer.next();
    for (const id of [3, 1, 2]) await peer.say(new OscMessage("/track/volume", [id, id / 10]), from.port);
    expect((await Promise.all(replies)).map(({ args }) => args[0])).toEqual([1, 2, 3]);
  });

  test("fails only the request whose accept throws", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => message);
    const client = udpClient(peer.port);
    const failing = client.request("/x", 1, {
      accept: () => {
        throw new Error("cannot tell");
      },
    });
    const other = client.request("/x", 2);
    await expect(failing).rejects.toThrow("cannot tell");
    expect((await other).address).toBe("/x");
  });

  test("sends the arguments with the type tags in types", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => new OscMessage("/x", message.types));
    expect((await udpClient(peer.port).request("/x", [1, 2], { types: "fd" })).args).toEqual(["fd"]);
  });

  test("is sent again after each timeout, up to retries times", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const request = client.request("/x", "once more", { timeout: 30, retries: 1000 });
    let { packet, from } = await peer.next();
    for (let index = 1; index < 3; index += 1) ({ packet, from } = await peer.next());
    expect(packet).toEqual(new OscMessage("/x", "once more"));
    await peer.say(new OscMessage("/x", 3), from.port);
    expect((await request).args).toEqual([3]);
    expect(client.stats().sent).toBeGreaterThanOrEqual(3);
  });

  test("rejects with an OscTimeoutError that names the missing reply", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const error: unknown = await client
      .request("/get", [], { replyTo: "/got", timeout: 10, retries: 2 })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OscTimeoutError);
    expect((error as Error).message).toMatch(new RegExp(`/got.*/get.*127\\.0\\.0\\.1:${peer.port}.*10 ms.*sent 3 times`));
    for (let index = 0; index < 3; index += 1) expect((await peer.next()).packet).toEqual(new OscMessage("/get"));
    expect(client.stats()).toMatchObject({ sent: 3, pending: 0 });
  });

  test("treats a late reply as an ordinary message", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    await expect(client.request("/slow", [], { timeout: 10 })).rejects.toBeInstanceOf(OscTimeoutError);
    await peer.say(new OscMessage("/slow"), await portOf(client));
    expect(await collect(client.messages({ timeout: 0 }))).toEqual([new OscMessage("/slow")]);
  });

  test("rejects with the signal's reason", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const controller = new AbortController();
    const request = client.request("/x", [], { signal: controller.signal, timeout: Infinity });
    await peer.next();
    controller.abort(new Error("changed my mind"));
    await expect(request).rejects.toThrow("changed my mind");
    await expect(client.request("/x", [], { signal: controller.signal })).rejects.toThrow("changed my mind");
    expect(client.stats()).toMatchObject({ sent: 1, pending: 0 });
  });

  test("rejects with the error of the send", async () => {
    const client = simpleClient(9000);
    await expect(client.request("no slash")).rejects.toMatchObject({ code: "OSC_BAD_ADDRESS" });
    await expect(client.request("/x", new Uint8Array(70_000))).rejects.toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
    expect(client.stats().pending).toBe(0);
  });

  test.each([
    { timeout: -1 },
    { timeout: 0 },
    { timeout: Number.NaN },
    { retries: -1 },
    { retries: 1.5 },
    { replyTo: "reply" },
    { replyTo: "/{a" },
    { replyTo: 5 as unknown as string },
  ])("%o is refused with OSC_OPTION, and nothing is sent", async (options) => {
    const client = udpClient(9000);
    await expect(client.request("/x", [], options)).rejects.toBeInstanceOf(OscServerError);
    expect(client.stats()).toMatchObject({ sent: 0, pending: 0 });
    expect(client.clientAddress).toBeNull();
  });
});
