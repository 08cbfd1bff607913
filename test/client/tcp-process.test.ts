import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { OscValue } from "../../src/codec/index.ts";
import { eventually, serve } from "../server/tcp-fixtures.ts";

const run = promisify(execFile);

describe("the process of a TCP client", () => {
  /** Runs a program with the clients, to its end. */
  async function program(text: string, port: number): Promise<string> {
    const here = new URL("../../src/client/index.ts", import.meta.url).href;
    const source = `
      const { SimpleTCPClient } = await import(${JSON.stringify(here)});
      const port = ${port};
      ${text}`;
    const { stdout, stderr } = await run(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", source], {
      timeout: 12_000,
    });
    return stdout + stderr;
  }

  test("that only sends ends by itself, without await and close, and loses nothing", async () => {
    const { dispatcher, server } = await serve();
    const seen: OscValue[] = [];
    dispatcher.map("/n", (_address: string, index: OscValue) => void seen.push(index));
    const output = await program(
      `const client = new SimpleTCPClient("127.0.0.1", port);
      for (let index = 0; index < 5000; index += 1) client.sendMessage("/n", index);`,
      server.serverAddress.port,
    );
    expect(output).toBe("");
    await eventually(() => seen.length === 5000);
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });

  test("ends when its connection is idle, also if the server is gone", async () => {
    const { server } = await serve();
    const output = await program(
      `const client = new SimpleTCPClient("127.0.0.1", port, { reconnect: { minDelay: 60_000, maxDelay: 60_000 } });
      await client.request("/echo", "x", { replyTo: "/echoed" });
      console.log("connected");
      const gone = new Promise((resolve) => client.on("state", resolve));
      client.sendMessage("/quit");
      console.log(await Promise.race([gone, client.request("/never", [], { timeout: 3000 }).catch(() => "none")]));`,
      await (async () => {
        server.dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
        return server.serverAddress.port;
      })(),
    );
    expect(output).toContain("connected\ndisconnected\n");
  });

  test("ends when a client between two attempts is closed", async () => {
    const { server } = await serve();
    const { port } = server.serverAddress;
    await server.close();
    const output = await program(
      `const client = new SimpleTCPClient("127.0.0.1", port, { reconnect: { minDelay: 60_000, maxDelay: 60_000 }, onError: () => undefined });
      const disconnected = new Promise((resolve) => client.on("state", (state) => state === "disconnected" && resolve()));
      client.sendMessage("/x").catch((error) => console.log(error.code));
      await disconnected;
      await client.close();
      console.log(client.state);`,
      port,
    );
    expect(output).toBe("OSC_CLOSED\nclosed\n");
  });
});
