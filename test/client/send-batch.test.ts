import { Socket } from "node:dgram";
import { constants } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OscBundle, OscMessage, encode } from "../../src/codec/index.ts";
import { UDPClient } from "../../src/client/index.ts";
import { OscBatchError, OscEncodeError } from "../../src/errors.ts";
import type { Libc } from "../../src/transport/native/libc.ts";
import { OutgoingBatch } from "../../src/transport/native/batch.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { Reports, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";
import { steadyPort } from "../steady-port.ts";

const libc = nativeSockets();
const backends = libc instanceof Error ? ([false] as const) : (["auto", false] as const);
const numbered = (count: number, from = 0): OscMessage[] => Array.from({ length: count }, (_, index) => new OscMessage("/n", from + index));

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(backends)("sendBatch, native %s", (native) => {
  async function received(peer: Peer, count: number): Promise<unknown[]> {
    const all: unknown[] = [];
    while (all.length < count) all.push((await peer.next()).packet);
    return all;
  }

  test.each([0, 1, 2, 63, 64, 65, 200])("sends %i messages in order, from the client's own port", async (count) => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, { native });
    await client.sendBatch(numbered(count));
    await client.send(new OscMessage("/end"));
    expect(await received(peer, count + 1)).toEqual([...numbered(count), new OscMessage("/end")]);
    expect(client.stats()).toMatchObject({ sent: count + 1, sendErrors: 0 });
    expect(client.clientAddress?.port).toBeGreaterThan(0);
  });

  test.each([false, true])("keeps the order among other sends, also before the socket is open; connected: %s", async (connected) => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, { native, connected }, "localhost");
    void client.send(new OscMessage("/n", 0));
    void client.sendBatch(numbered(70, 1));
    void client.send(new OscMessage("/n", 71));
    await client.sendBatch(numbered(3, 72));
    const first = await peer.next();
    expect([first.packet, ...(await received(peer, 74))]).toEqual(numbered(75));
  });

  test("sends bundles, bytes and packets of every size together", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, { native });
    const bundle = new OscBundle(numbered(3));
    const large = new OscMessage("/large", new Uint8Array(60_000).fill(7));
    await client.sendBatch([bundle, encode(new OscMessage("/bytes")), large, new OscMessage("/small")]);
    expect(await received(peer, 4)).toEqual([bundle, new OscMessage("/bytes"), large, new OscMessage("/small")]);
  });

  test("reports the index of each packet that can't be sent, and sends the others", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, { native });
    const large = new OscMessage("/large", new Uint8Array(70_000));
    const [a, b, c] = numbered(3) as [OscMessage, OscMessage, OscMessage];
    const error: unknown = await client.sendBatch([large, a, large, large, b, c, large]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OscBatchError);
    expect(error).toMatchObject({ code: "OSC_BATCH", sent: 3, cause: { code: "OSC_PACKET_TOO_LARGE" } });
    const { failures, message } = error as OscBatchError;
    expect(failures.map(({ index, error: { code } }) => [index, code])).toEqual(
      [0, 2, 3, 6].map((index) => [index, "OSC_PACKET_TOO_LARGE"]),
    );
    expect(message).toContain(`4 of 7 packets could not be sent to 127.0.0.1:${peer.port}`);
    expect(await received(peer, 3)).toEqual([a, b, c]);
    expect(client.stats()).toMatchObject({ sent: 3, sendErrors: 4 });
  });

  test("reports a failure to onError if nobody looks at the promise", async () => {
    const reports = new Reports();
    const client = udpClient(9, { native, onError: reports.listener });
    void client.sendBatch([new OscMessage("/large", new Uint8Array(70_000)), new OscMessage("/a")]);
    expect(await reports.atLeast(1)).toMatchObject([{ error: { code: "OSC_BATCH", sent: 1 } }]);
  });

  test("sends nothing if one isn't a packet", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, { native });
    await client.open();
    const odd = "text" as unknown as OscMessage;
    await expect(client.sendBatch([new OscMessage("/a"), odd])).rejects.toThrow(OscEncodeError);
    await client.send(new OscMessage("/c"));
    expect((await peer.next()).packet).toEqual(new OscMessage("/c"));
  });

  test("reports a port where nobody listens, and sends nothing after close", async () => {
    const reports = new Reports();
    const client = udpClient(await steadyPort(), { native, connected: true, onError: reports.listener });
    // One by one, what is sent again may meet the refusal of the packet after it.
    const codes: string[] = [];
    for (let round = 0; round < 20 && codes.length + reports.all.length === 0; round += 1) {
      await client
        .sendBatch(numbered(5))
        .catch((error: unknown) => codes.push(...(error as OscBatchError).failures.map(({ error: { code } }) => code)));
    }
    expect(new Set([...codes, ...reports.codes])).toEqual(new Set(["ECONNREFUSED"]));
    await client.close();
    const error: unknown = await client.sendBatch(numbered(2)).catch((thrown: unknown) => thrown);
    expect((error as OscBatchError).failures.map(({ error: { code } }) => code)).toEqual(["OSC_CLOSED", "OSC_CLOSED"]);
  });

  test("fails every packet if the name doesn't resolve", async () => {
    const client = udpClient(9000, { native }, "no-such-name.invalid");
    await expect(client.sendBatch(numbered(2))).rejects.toMatchObject({
      code: "OSC_BATCH",
      sent: 0,
      failures: [{ index: 0 }, { index: 1 }],
    });
  });
});

test("rejects a native other than auto and false", () => {
  expect(() => new UDPClient("127.0.0.1", 9, { native: true as unknown as false })).toThrow(
    expect.objectContaining({ code: "OSC_OPTION" }) as Error,
  );
});

describe.skipIf(libc instanceof Error)("packets that go out by one call", () => {
  /** Makes calls of the system do something else, by turns; then they do what they do. */
  function instead(...turns: (number | keyof typeof constants.errno)[]): { calls: number } {
    const seen = { calls: 0 };
    const over = OutgoingBatch.over.bind(OutgoingBatch);
    vi.spyOn(OutgoingBatch, "over").mockImplementation((real, ...rest) => {
      let code: keyof typeof constants.errno | null = null;
      const fake: Partial<Libc> = {
        sendmmsg: (fd, messages, count, flags) => {
          seen.calls += 1;
          const turn = turns.shift();
          code = typeof turn === "string" ? turn : null;
          return code === null ? real.sendmmsg(fd, messages, typeof turn === "number" ? turn : count, flags) : -1;
        },
        errno: () => (code === null ? real.errno() : constants.errno[code]),
      };
      return over({ ...real, ...fake }, ...rest);
    });
    return seen;
  }

  test("use that call and no other", async () => {
    const seen = instead();
    const one = vi.spyOn(Socket.prototype, "send");
    const peer = await Peer.open();
    await udpClient(peer.port).sendBatch(numbered(130));
    expect([seen.calls, one.mock.calls.length]).toEqual([3, 0]);
  });

  test.each([
    ["a part of them is taken", [3, 1], [], 3],
    ["a signal comes", ["EINTR"], [], 2],
    ["there is no buffer for two of them", [2, "ENOBUFS", "ENOBUFS"], [2, 3], 4],
    ["there is no room, Node sends the rest", [4, "EAGAIN"], [], 2],
    ["an earlier packet was refused", [1, "ECONNREFUSED"], [], 3],
    ["it is refused again", ["ECONNREFUSED", "ECONNREFUSED"], [0], 3],
  ] as const)("where %s", async (_what, turns, lost, calls) => {
    const seen = instead(...turns);
    const reports = new Reports();
    const peer = await Peer.open();
    const client = udpClient(peer.port, { onError: reports.listener });
    const error: unknown = await client.sendBatch(numbered(10)).catch((thrown: unknown) => thrown);
    expect(error instanceof OscBatchError ? error.failures.map(({ index }) => index) : []).toEqual(lost);
    const sent = numbered(10).filter((_, index) => !(lost as readonly number[]).includes(index));
    const came: unknown[] = [];
    while (came.length < sent.length) came.push((await peer.next()).packet);
    expect(came).toEqual(sent);
    expect(seen.calls).toBe(calls);
    expect(reports.codes).toEqual((turns as readonly unknown[]).includes("ECONNREFUSED") ? ["ECONNREFUSED"] : []);
  });

  test("go one by one if two sockets of the process are bound to the same address", async () => {
    const seen = instead();
    const peer = await Peer.open();
    const first = udpClient(peer.port, { reuseAddress: true });
    const { port } = await first.open();
    const second = udpClient(peer.port, { reuseAddress: true, localPort: port });
    await second.open();
    await second.sendBatch(numbered(3));
    expect(seen.calls).toBe(0);
    for (let index = 0; index < 3; index += 1) expect((await peer.next()).packet).toEqual(new OscMessage("/n", index));
  });
});
