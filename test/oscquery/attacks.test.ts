import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { describe, expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { Namespace } from "../../src/namespace/index.ts";
import { OscQueryClient, type OscQueryServer } from "../../src/oscquery/index.ts";
import { Peer, ask, closers, proposal, serve } from "./peer.ts";

describe("a hostile client", () => {
  const GET = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

  /** Sends text and reads nothing. */
  async function stranger(server: OscQueryServer, text: string): Promise<Socket> {
    const socket = connect(server.address.port, "127.0.0.1").pause();
    closers.push(() => socket.destroy());
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(text);
    return socket;
  }

  test("that asks on before it is answered is disconnected after its first answer is begun", async () => {
    const server = await serve(proposal());
    const socket = await stranger(server, GET.repeat(500));
    socket.resume();
    await once(socket, "close");
    expect(server.stats().requests).toBe(1);
    expect(await ask(server, "/foo?VALUE")).toMatchObject({ status: 200 });
  });

  test("that doesn't read large answers is disconnected, beyond maxMemory for all together", async () => {
    const namespace = new Namespace();
    for (let index = 0; index < 100; index++) namespace.add(`/${index}`, { types: "s", value: ["x".repeat(100_000)] });
    const server = await serve(namespace, { maxMemory: 25_000_000 });
    for (let count = 0; count < 5; count++) await stranger(server, GET);
    await expect.poll(() => server.stats()).toMatchObject({ requests: 5, evicted: 3 });
  });

  test("that is disconnected for its unread answer frees its memory for the answers of others", async () => {
    const namespace = new Namespace();
    for (let index = 0; index < 100; index++) namespace.add(`/${index}`, { types: "s", value: ["x".repeat(100_000)] });
    const server = await serve(namespace, { maxMemory: 25_000_000 });
    const strangers = [await stranger(server, GET), await stranger(server, GET)];
    await expect.poll(() => server.stats().requests).toBe(2);
    expect(await ask(server, "/")).toMatchObject({ status: 200 });
    expect(server.stats()).toMatchObject({ requests: 3, evicted: 1 });
    for (const socket of strangers) socket.destroy();
  });

  test("that doesn't read replies loses them, and makes the server hold no more than maxBuffered", async () => {
    const dispatcher = new Dispatcher();
    dispatcher.map("/large", () => ["/large", new Uint8Array(100_000)]);
    const errors: OscError[] = [];
    const server = await serve(dispatcher, { onError: (error) => errors.push(error) });
    const peer = await new Peer(server).open();
    peer.socket.pause();
    for (let count = 0; count < 500; count++) peer.socket.send(encode(new OscMessage("/large")));
    await expect.poll(() => server.stats().sent + server.stats().dropped).toBe(500);
    expect(server.stats().dropped).toBeGreaterThan(300);
    expect(errors.length).toBeLessThanOrEqual(21);
  });

  test("whose packets are awaited isn't read on until they are done", async () => {
    const dispatcher = new Dispatcher();
    const waiting: (() => void)[] = [];
    // A packet of 60 kB fills what is read at once, so no more of them are in memory than are awaited.
    dispatcher.map("/slow", () => new Promise<void>((resolve) => waiting.push(resolve)));
    const server = await serve(dispatcher);
    const [greedy, other] = await Promise.all([new Peer(server).open(), new Peer(server).open()]);
    const packet = encode(new OscMessage("/slow", [new Uint8Array(60_000)])).slice();
    for (let count = 0; count < 200; count++) greedy.socket.send(packet);
    await expect.poll(() => waiting.length).toBeGreaterThanOrEqual(64);
    other.socket.send(encode(new OscMessage("/slow")));
    await expect.poll(() => waiting.length).toBeLessThan(80);
    let settled = 0;
    await expect
      .poll(() => {
        for (const resolve of waiting.splice(0)) {
          settled += 1;
          resolve();
        }
        return settled;
      })
      .toBe(201);
  });

  test("that breaks the rules again and again costs a few reports and a number", async () => {
    const errors: OscError[] = [];
    const server = await serve(proposal(), { onError: (error) => errors.push(error) });
    const peer = await new Peer(server).open();
    for (let count = 0; count < 1000; count++) peer.socket.send(Buffer.from("rubbish!"));
    peer.command("LISTEN", "/foo");
    await peer.until(1);
    await server.close();
    expect(errors.length).toBeLessThan(45);
    expect(errors.at(-1)).toMatchObject({ code: "OSC_SUPPRESSED" });
  });

  test("that listens 100,000 times gets maxListeners methods, and a few reports", async () => {
    const namespace = new Namespace();
    for (let index = 0; index < 1100; index++) namespace.add(`/method/${index}`, { types: "f" });
    const errors: OscError[] = [];
    const server = await serve(namespace, { maxListeners: 1000, onError: (error) => errors.push(error) });
    const peer = await new Peer(server).open();
    for (let count = 0; count < 100_000; count++) peer.command("LISTEN", `/method/${count % 1100}`);
    peer.command("IGNORE", "/method/0");
    namespace.add("/last", { types: "f", value: [1] });
    peer.command("LISTEN", "/last");
    // The change of the tree, and the value: all commands before were read.
    await peer.until(2);
    expect(server.stats().listeners).toBe(1000);
    expect(errors.length).toBeLessThan(20);
    expect(await ask(server, "/last?VALUE")).toMatchObject({ body: { VALUE: [1] } });
  }, 60_000);

  test("that sends 10 MB of JSON is disconnected before it is read", async () => {
    const errors: OscError[] = [];
    const server = await serve(proposal(), { onError: (error) => errors.push(error) });
    const peer = await new Peer(server).open();
    peer.command("LISTEN", "x".repeat(10_000_000));
    await once(peer.socket, "close");
    await expect.poll(() => server.stats().connections).toBe(0);
    expect(errors).toHaveLength(1);
    expect(await ask(server, "/foo?VALUE")).toMatchObject({ status: 200 });
  }, 60_000);

  test("as a server, that answers with 10 MB of JSON is an error of ours, and containers without end are left out", async () => {
    const deep = `${'{"FULL_PATH":"/a","TYPE":"f","CONTENTS":{"a":'.repeat(100_000)}{}${"}}".repeat(100_000)}`;
    const connectTo = async (tree: string): Promise<OscQueryClient> => {
      const http = createServer(({ url = "" }, response) => response.end(url.includes("HOST_INFO") ? "{}" : tree)).listen(0, "127.0.0.1");
      await once(http, "listening");
      closers.push(() => {
        http.closeAllConnections();
        http.close();
      });
      return OscQueryClient.connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { maxSize: 8_000_000 });
    };
    const large = connectTo(`{"FULL_PATH":"/","DESCRIPTION":"${"x".repeat(10_000_000)}"}`);
    await expect(large).rejects.toMatchObject({ code: "OSC_QUERY_ANSWER" });
    await using client = await connectTo(deep);
    expect(client.namespace.size).toBe(1);
  });
});
