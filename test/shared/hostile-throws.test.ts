/** Handlers that throw, return and reply with what throws itself when it is looked at: on every kind of server, over every transport. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OscBundle, OscMessage } from "../../src/codec/index.ts";
import { type Kind, ServerProcess, isEven } from "./server-process.ts";
import type { Correspondent, TransportName } from "./wire.ts";

const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];
const TRANSPORTS: readonly TransportName[] = ["udp", "tcp-1.0", ...(process.platform === "win32" ? [] : ["unix" as const])];
const grid: { readonly kind: Kind; readonly transport: TransportName }[] = [
  ...TRANSPORTS.flatMap((transport) => KINDS.map((kind) => ({ kind, transport }))),
  { kind: "async", transport: "websocket" },
];
const WAYS = ["throw", "reject", "reply", "thenable"] as const;
/** The names of what server-handlers.mjs makes. */
const VALUES = [
  "null",
  "undefined",
  "a symbol",
  "an object without prototype",
  "a proxy whose traps throw",
  "a revoked proxy",
  "an error whose getters throw",
  "an object whose toString throws",
  "an error that is its own cause",
];

describe.each(grid)("hostile values on the $kind server over $transport", ({ kind, transport }) => {
  let server: ServerProcess;
  let client: Correspondent;

  beforeAll(async () => {
    const path = join(tmpdir(), `oscine-${process.pid}-hostile.sock`);
    const options = { maxReports: 1000, ...(transport === "unix" ? { path } : {}), ...(kind === "forking" ? { spareChildren: 2 } : {}) };
    server = await ServerProcess.start(kind, transport, options);
    client = await server.connect();
  });
  afterAll(() => server.dispose());

  test.each(WAYS)("%s: other handlers run, and each value is reported once with the client", async (way) => {
    const address = `/hostile/${way}`;
    // In one packet, because each may take a fork.
    client.send(new OscBundle(VALUES.map((value) => new OscMessage(address, [value]))));
    expect(await client.nextMessages(VALUES.length)).toEqual(VALUES.map((value) => ["/after", address, value]));
    await server.until(() => server.errors.length >= VALUES.length);
    expect(await client.ask("/echo", way)).toEqual(["/echoed", way]);
    // Threads and processes also say, once, that the promise won't go on there.
    const errors = server.errors.splice(0).filter(({ message }) => !message.includes("a promise that it did not return"));
    expect(errors.map(({ message }) => message)).toHaveLength(VALUES.length);
    for (const { code, client: sender, message } of errors) {
      expect(code).toMatch(/^OSC_(?:HANDLER_FAILED|BAD_REPLY|ASYNC_HANDLER)$/);
      expect(message).toContain(address);
      expect(sender).toMatchObject(transport === "unix" ? { family: "unix" } : { port: client.wire.port });
    }
  });

  test("the account is even, and the program ends as it should", async () => {
    const stats = await server.quit(client);
    expect(stats).toSatisfy(isEven);
    expect(stats).toMatchObject({ received: 9, handled: 9, inProgress: 0 });
    expect(stats.handlerErrors).toBe(WAYS.length * VALUES.length + (kind === "threading" || kind === "forking" ? 1 : 0));
    expect([server.child.exitCode, server.stderr]).toEqual([0, ""]);
  });
});
