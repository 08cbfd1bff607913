import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { UDPClient } from "../../src/client/index.ts";
import { OscMessage } from "../../src/codec/index.ts";
import { OscServerError } from "../../src/errors.ts";
import { collect, portOf, simpleClient, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";

const run = promisify(execFile);

describe("a client's socket", () => {
  test("doesn't exist before the first use", async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port);
    expect(client.clientAddress).toBeNull();
    await client.sendMessage("/x");
    expect(client.clientAddress).toEqual({ address: "0.0.0.0", port: expect.any(Number), family: "IPv4" });
    expect((await peer.next()).from.port).toBe(client.clientAddress?.port);
  });

  test("shows in the client's state", async () => {
    const client = udpClient(9000);
    expect(client.state).toBe("disconnected");
    const opening = client.open();
    expect(client.state).toBe("connecting");
    await opening;
    expect(client.state).toBe("connected");
    await client.close();
    expect(client.state).toBe("closed");
  });

  test("is opened once by several open() calls", async () => {
    const client = udpClient(9000);
    const [first, second] = await Promise.all([client.open(), client.open()]);
    expect(first).toEqual(second);
    expect(await client.open()).toEqual(first);
    expect(client.clientAddress).toEqual(first);
  });

  test("is freed by close(), which may be called twice and before any use", async () => {
    const client = udpClient(9000);
    await client.close();
    await client.open();
    const { port } = (await client.open()) ?? {};
    const twice = [client.close(), client.close()];
    await Promise.all(twice);
    await client.close();
    expect(client.clientAddress).toBeNull();
    const next = udpClient(9000, { localPort: port });
    expect(await portOf(next)).toBe(port);
  });

  test("is closed by await using", async () => {
    const peer = await Peer.open();
    let kept: UDPClient;
    {
      await using client = new UDPClient("127.0.0.1", peer.port);
      await client.send(new OscMessage("/x"));
      kept = client;
    }
    expect(kept.clientAddress).toBeNull();
    await expect(kept.send(new OscMessage("/x"))).rejects.toMatchObject({ code: "OSC_CLOSED" });
  });

  test("is closed after everything given to send is out, even if it wasn't open yet", async () => {
    const peer = await Peer.open();
    const client = new UDPClient("localhost", peer.port);
    for (let index = 0; index < 100; index += 1) void client.send(new OscMessage("/n", index));
    await client.close();
    for (let index = 0; index < 100; index += 1) expect((await peer.next()).packet).toEqual(new OscMessage("/n", index));
    expect(client.stats()).toMatchObject({ sent: 100, sendErrors: 0 });
  });
});

describe("close()", () => {
  test("ends iterations, also between two messages, and drops unread messages", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const waiting = collect(client.messages());
    const between = client.messages();
    const port = await portOf(client);
    await peer.say(new OscMessage("/a"), port);
    await peer.say(new OscMessage("/b"), port);
    expect((await between.next()).done).toBe(false);
    await client.close();
    expect(await between.next()).toEqual({ done: true, value: undefined });
    expect((await waiting).length).toBeLessThanOrEqual(1);
    expect(client.stats().unread).toBe(0);
  });

  test("rejects pending requests and everything after it with OSC_CLOSED", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const request = client.request("/x", [], { timeout: Infinity });
    await peer.next();
    const rejected = expect(request).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await client.close();
    await rejected;
    await expect(client.send(new OscMessage("/x"))).rejects.toBeInstanceOf(OscServerError);
    await expect(client.request("/x")).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await expect(client.messages().next()).rejects.toMatchObject({ code: "OSC_CLOSED" });
    expect(client.stats().pending).toBe(0);
  });

  test("rejects a request that is still being sent", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const rejected = expect(client.request("/x", [], { timeout: Infinity })).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await client.close();
    await rejected;
  });

  test("is undone by open()", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => message);
    const client = udpClient(peer.port);
    expect((await client.request("/x", 1)).args).toEqual([1]);
    void client.close();
    await client.open();
    expect((await client.request("/x", 2)).args).toEqual([2]);
  });
});

describe("the process", () => {
  /** Runs a program with the clients, to its end. */
  async function program(text: string, port: number): Promise<string> {
    const here = new URL("../../src/client/index.ts", import.meta.url).href;
    const source = `
      const { UDPClient, SimpleUDPClient } = await import(${JSON.stringify(here)});
      const port = ${port};
      ${text}`;
    const { stdout, stderr } = await run(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", source], {
      timeout: 10_000,
    });
    return stdout + stderr;
  }

  test("that only sends ends by itself, without await and close, and loses nothing", async () => {
    const peer = await Peer.open();
    const output = await program(
      `for (const host of ["127.0.0.1", "localhost"]) {
        const client = new SimpleUDPClient(host, port);
        for (let index = 0; index < 200; index += 1) client.sendMessage("/" + host, index);
      }`,
      peer.port,
    );
    expect(output).toBe("");
    const counts = new Map<string, number>();
    for (let index = 0; index < 400; index += 1) {
      const { address } = (await peer.next()).packet as OscMessage;
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ "/127.0.0.1": 200, "/localhost": 200 });
  });

  test("stays alive while it waits for a message, and ends after it", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => message);
    const output = await program(
      `const client = new SimpleUDPClient("127.0.0.1", port);
      client.sendMessage("/x", 1);
      for await (const { address } of client.messages()) { console.log(address); break; }
      console.log((await client.request("/y", 2, { timeout: Infinity })).address);`,
      peer.port,
    );
    expect(output).toBe("/x\n/y\n");
  });

  test("survives failed sends whose promises nobody looks at", async () => {
    const peer = await Peer.open();
    const output = await program(
      `const client = new SimpleUDPClient("127.0.0.1", port);
      client.sendMessage("no slash");
      client.send(new Map());
      new SimpleUDPClient("no-such-host.invalid", port).sendMessage("/x");
      await client.sendMessage("/still/here");
      console.log("alive");`,
      peer.port,
    );
    expect(output).toContain("alive\n");
    expect(output.split("\n").filter((line) => line.startsWith("oscine: "))).toHaveLength(3);
    expect((await peer.next()).packet).toEqual(new OscMessage("/still/here"));
  });
});
