import { describe, expect, test } from "vitest";
import { Sessions, type SessionSettings, type Target } from "../../src/bridge/session.ts";
import type { PacketLink, PacketLinkEvents } from "../../src/client/link.ts";
import { OscDroppedError, type OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import type { Peer } from "../../src/transport/transport.ts";

const LOCAL: NetAddress = { address: "127.0.0.1", port: 1, family: "IPv4" };
const KIB = 1024;
const SETTINGS: SessionSettings = {
  maxSessions: 4,
  sessionTimeout: 60_000,
  maxUnsent: 10_000,
  maxUnsentBytes: 1024 * KIB,
  maxMemory: 400 * KIB,
  isShared: false,
};

function peerOf(key: string): Peer {
  return { key, address: LOCAL, send: () => undefined, settled: () => undefined, paced: false };
}

function deferred<Value>(): { readonly promise: Promise<Value>; readonly resolve: (value: Value) => void } {
  let resolve!: (value: Value) => void;
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A target that never opens, so that all packets wait. */
const AWAY: Target = {
  transport: "udp",
  createLink: (_events: PacketLinkEvents): PacketLink => ({
    open: () => new Promise(() => undefined),
    send: () => undefined,
    keepAlive: () => undefined,
    close: () => Promise.resolve(),
  }),
};

function sessionsOf(settings: Partial<SessionSettings>, errors: OscError[], target: Target = AWAY): Sessions {
  return new Sessions(
    [target],
    { ...SETTINGS, ...settings },
    {
      onReply: () => undefined,
      onError: () => undefined,
      onSent: (error) => void (error !== null && errors.push(error)),
      onOpened: () => () => undefined,
    },
  );
}

describe("Sessions", () => {
  test("limit the total bytes of all clients, and leave each its share", async () => {
    const errors: OscError[] = [];
    const sessions = sessionsOf({}, errors);
    const greedy = sessions.of(peerOf("greedy"))!;
    for (let count = 0; count < 200; count++) sessions.send(greedy, new Uint8Array(10 * KIB), () => undefined);
    expect(sessions.heldBytes).toBeLessThanOrEqual(400 * KIB);
    expect(errors.length).toBeGreaterThan(100);
    expect(errors[0]).toBeInstanceOf(OscDroppedError);
    expect(errors[0]?.message).toContain("maxMemory");
    errors.length = 0;
    const polite = sessions.of(peerOf("polite"))!;
    for (let count = 0; count < 9; count++) sessions.send(polite, new Uint8Array(10 * KIB), () => undefined);
    expect(errors).toEqual([]);
    expect(sessions.heldBytes).toBeLessThanOrEqual(2 * 400 * KIB);
    await sessions.close();
    expect(sessions.heldBytes).toBe(0);
  });

  test("copy a small queued packet to free its read buffer", async () => {
    const opening = deferred<NetAddress>();
    const arrived = deferred<Uint8Array>();
    const late: Target = {
      transport: "udp",
      createLink: () => ({
        open: () => opening.promise,
        send: (packet) => arrived.resolve(packet),
        keepAlive: () => undefined,
        close: () => Promise.resolve(),
      }),
    };
    const sessions = sessionsOf({}, [], late);
    sessions.send(sessions.of(peerOf("a"))!, new Uint8Array(64 * KIB).subarray(0, 16), () => undefined);
    opening.resolve(LOCAL);
    expect((await arrived.promise).buffer.byteLength).toBeLessThanOrEqual(KIB);
    await sessions.close();
  });

  test("count clients whose sockets are closing, so spoofed senders can't accumulate them", async () => {
    const gate = deferred<void>();
    const slow: Target = {
      transport: "udp",
      createLink: () => ({
        open: () => Promise.resolve(LOCAL),
        send: () => undefined,
        keepAlive: () => undefined,
        close: () => gate.promise,
      }),
    };
    const sessions = sessionsOf({ maxSessions: 2 }, [], slow);
    const made: boolean[] = [];
    for (let index = 0; index < 10; index++) {
      const session = sessions.of(peerOf(String(index)));
      if (session !== null) sessions.send(session, new Uint8Array(8), () => undefined);
      made.push(session !== null);
      await new Promise(setImmediate);
    }
    expect(made).toEqual([true, true, true, true, false, false, false, false, false, false]);
    const closed = sessions.close();
    gate.resolve(undefined);
    await closed;
  });
});
