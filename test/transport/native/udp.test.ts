import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { constants } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import type { OscError } from "../../../src/errors.ts";
import type { NetAddress } from "../../../src/net-address.ts";
import type { Libc } from "../../../src/transport/native/libc.ts";
import { nativeSockets } from "../../../src/transport/native/self-test.ts";
import { NativeUdpTransport } from "../../../src/transport/native/udp.ts";
import type { Peer } from "../../../src/transport/transport.ts";

const found = nativeSockets();

describe.skipIf(found instanceof Error)("a native UDP socket in an event loop", () => {
  const libc = found as Libc;
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of cleanUp.splice(0).toReversed()) await step();
  });

  /** A transport that sends back what it gets, and what it tells. */
  async function echo(calls: Partial<Libc> = {}, host = "127.0.0.1"): Promise<{ address: NetAddress; peers: Peer[]; errors: unknown[] }> {
    const errors: unknown[] = [];
    const peers: Peer[] = [];
    const transport = new NativeUdpTransport(
      { ...libc, ...calls },
      { transport: "udp", host, port: 0, options: {}, native: "auto", atOnce: 8 },
      {
        onPacket: (packet, peer) => {
          peers.push(peer);
          peer.send(packet);
        },
        onError: (error: OscError, client) => errors.push([error.code, client?.port, error.message]),
        refusal: () => null,
        onConnection: () => undefined,
      },
    );
    cleanUp.push(() => transport.close());
    return { address: await transport.open(), peers, errors };
  }

  /** Calls of which those that send fail as long as that says so. */
  function failing(code: keyof typeof constants.errno, fails: () => boolean): Partial<Libc> {
    let hasFailed = false;
    return {
      sendto: (...parameters) => {
        hasFailed = fails();
        return hasFailed ? -1 : libc.sendto(...parameters);
      },
      recvmmsg: (...parameters) => {
        hasFailed = false;
        return libc.recvmmsg(...parameters);
      },
      errno: () => (hasFailed ? constants.errno[code] : libc.errno()),
    };
  }

  async function client(): Promise<Socket> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    cleanUp.push(async () => {
      socket.close();
      await once(socket, "close");
    });
    return socket;
  }

  test("delivers everything in order, with the same peer for a sender however it was received", async () => {
    const { address, peers } = await echo();
    const sender = await client();
    const came: number[] = [];
    sender.on("message", (data) => came.push(data.readUInt16BE()));
    const sent = Array.from({ length: 300 }, (_, index) => index);
    for (const index of sent) sender.send(Uint8Array.of(index >> 8, index & 0xff), address.port, address.address);
    while (came.length < 300) await new Promise((resolve) => setImmediate(resolve));
    expect(came).toEqual(sent);
    expect(new Set(peers.map(({ key }) => key))).toEqual(new Set([`127.0.0.1:${sender.address().port}`]));
    expect(new Set(peers.map((peer) => JSON.stringify(peer.address))).size).toBe(1);
  });

  test.each(["ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EMSGSIZE", "ENOBUFS", "EPERM", "EAGAIN"] as const)(
    "a reply that fails with %s is reported with the client, and the next goes out",
    async (code) => {
      let fails = true;
      const { address, errors } = await echo(failing(code, () => fails));
      const sender = await client();
      sender.send(Uint8Array.of(1), address.port, address.address);
      while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const { port } = sender.address();
      expect(errors).toEqual([[code, port, expect.stringContaining(`127.0.0.1:${port}`)]]);
      fails = false;
      sender.send(Uint8Array.of(2), address.port, address.address);
      expect([...((await once(sender, "message")) as [Buffer])[0]]).toEqual([2]);
    },
  );

  test.each(["EAGAIN", "EINTR"] as const)("sends a reply again that the system rejects for a moment: %s", async (code) => {
    let failures = 0;
    const { address, errors } = await echo(failing(code, () => (failures += 1) <= 2));
    const sender = await client();
    sender.send(Uint8Array.of(1), address.port, address.address);
    expect([...((await once(sender, "message")) as [Buffer])[0]]).toEqual([1]);
    expect([failures, errors]).toEqual([3, []]);
  });

  test("reports an error while receiving, and receives the next datagram", async () => {
    let fails = true;
    const { address, errors, peers } = await echo({
      recvmmsg: (...parameters) => (fails ? -1 : libc.recvmmsg(...parameters)),
      errno: () => (fails ? constants.errno.ENOMEM : libc.errno()),
      sendto: () => 1,
    });
    const sender = await client();
    sender.send(Uint8Array.of(1), address.port, address.address);
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
    fails = false;
    for (let index = 0; index < 20; index += 1) sender.send(Uint8Array.of(1), address.port, address.address);
    while (peers.length < 21) await new Promise((resolve) => setImmediate(resolve));
    expect(errors[0]).toEqual(["ENOMEM", undefined, expect.stringContaining("127.0.0.1:0")]);
  });

  test("looks a name up, and reports an unknown name and a reply after the end", async () => {
    const { address, peers, errors } = await echo({}, "localhost");
    expect(["127.0.0.1", "::1"]).toContain(address.address);
    await expect(echo({}, "no-such-name.invalid")).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) as string,
      message: expect.stringContaining("Cannot look up no-such-name.invalid") as string,
    });
    const other = await echo();
    const sender = await client();
    sender.send(Uint8Array.of(1), other.address.port, other.address.address);
    await once(sender, "message");
    await cleanUp.splice(2, 1)[0]?.();
    other.peers[0]?.send(Uint8Array.of(2));
    expect([peers, errors, other.errors]).toEqual([[], [], [["EBADF", sender.address().port, expect.any(String)]]]);
  });
});
