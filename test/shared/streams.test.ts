/** What only streams promise, over every kind of server that is a process of its own. */
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { type Kind, ServerProcess } from "./server-process.ts";
import type { Correspondent, TransportName } from "./wire.ts";

const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];
const TRANSPORTS = ["tcp-1.0", "tcp-1.1", "unix"] as const satisfies readonly TransportName[];
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

let server: ServerProcess | null = null;
let sockets = 0;
afterEach(async () => {
  await server?.dispose();
  server = null;
});

async function start(kind: Kind, transport: TransportName, options: object): Promise<ServerProcess> {
  const path = join(tmpdir(), `oscine-streams-${process.pid}-${sockets++}.sock`);
  server = await ServerProcess.start(kind, transport, transport === "unix" ? { path, ...options } : options);
  return server;
}

async function echoes(client: Correspondent, count: number): Promise<number[]> {
  client.send(...numbers(count).map((index) => new OscMessage("/echo", [index])));
  return (await client.nextMessages(count)).map(([, index]) => index as number).toSorted((a, b) => a - b);
}

describe.each(KINDS)("a %s server", (kind) => {
  test.each(TRANSPORTS)("over %s drops nothing, however small its queue, with any policy", async (transport) => {
    // A process of Node for each packet costs a tenth of a second: so by one transport, and where the system can copy processes not by the others.
    const strategy = kind === "forking" && transport !== "tcp-1.0" && !(nativeSockets() instanceof Error) ? { strategy: "fork" } : {};
    const running = await start(kind, transport, { maxQueue: 5, maxQueueBytes: 100, overflow: "drop-oldest", ...strategy });
    const clients = await Promise.all(numbers(3).map(() => running.connect()));
    const count = kind === "forking" ? 4 : 300;
    const all = await Promise.all(clients.map((client) => echoes(client, count)));
    expect(all).toEqual(clients.map(() => numbers(count)));
    const stats = await running.quit(clients[0]);
    expect(stats).toMatchObject({ received: 3 * count + 1, handled: 3 * count + 1, dropped: 0, connections: 0 });
    expect(running.errors).toEqual([]);
  });

  test("reports a broken stream with the client's address, ends it and serves the others", async () => {
    const running = await start(kind, "tcp-1.0", {});
    const other = await running.connect();
    const { port, address } = running.address;
    const socket = connect(port, address);
    await once(socket, "connect");
    const { localPort } = socket;
    socket.write(Buffer.concat([encodeFrame(encode(new OscMessage("/echo", [1])), "1.0"), Uint8Array.of(0x7f, 0xff, 0xff, 0xff)]));
    const pieces: Uint8Array[] = [];
    for await (const piece of socket) pieces.push(piece as Uint8Array);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(encodeFrame(encode(new OscMessage("/echoed", [1])), "1.0")));
    await running.until(() => running.errors.length > 0);
    expect(running.errors).toMatchObject([{ code: "OSC_FRAME_TOO_LARGE", client: { address: "127.0.0.1", port: localPort } }]);
    expect(await echoes(other, 3)).toEqual([0, 1, 2]);
    expect(await running.quit(other)).toMatchObject({ connectionsEnded: 1, handled: 5 });
  });
});
