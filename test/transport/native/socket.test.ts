import { type RemoteInfo, createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { OscSocketError } from "../../../src/errors.ts";
import { type Libc, errorName, functionsOf, loadKoffi } from "../../../src/transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../../src/transport/native/batch.ts";
import { nativeSockets } from "../../../src/transport/native/self-test.ts";
import { decodeSocketAddress, encodeSocketAddress, interfaceIndex, lookUp } from "../../../src/transport/native/socket-address.ts";
import { NativeUdpSocket } from "../../../src/transport/native/socket.ts";
import type { UdpOptions } from "../../../src/transport/udp.ts";

const isKnown = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
const found = nativeSockets();

test.skipIf(!isKnown)("the self-test passes where the system is known", () => {
  expect(found).not.toBeInstanceOf(Error);
});

test.skipIf(isKnown)("elsewhere it says why there are no native sockets", () => {
  expect(String(found)).toContain(process.platform);
});

test("names an error number as Node does", () => {
  expect([errorName(11), errorName(12_345)]).toEqual([isKnown ? "EAGAIN" : errorName(11), "E12345"]);
});

describe.skipIf(found instanceof Error)("a native UDP socket", () => {
  const libc = found as Libc;
  const open: NativeUdpSocket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
  });

  function bind(host: string, options: UdpOptions = {}, port = 0): NativeUdpSocket {
    const socket = NativeUdpSocket.open(libc, host, port, options);
    open.push(socket);
    return socket;
  }

  /** What comes, as soon as something does. */
  function receive(socket: NativeUdpSocket): { data: number[]; sender: object }[] {
    const batch = new MessageBatch(libc);
    for (let attempt = 0; attempt < 50; attempt += 1) {
      socket.wait(100);
      const count = batch.receive(socket.fd, BATCH_SIZE, "look");
      if (count > 0)
        return Array.from({ length: count }, (_, index) => ({
          data: [...batch.data(index)],
          sender: decodeSocketAddress(libc, batch.sender(index)),
        }));
    }
    throw new Error("Nothing came.");
  }

  function send(from: NativeUdpSocket, to: { address: string; port: number }, ...packets: number[][]): void {
    for (const packet of packets) from.send(Uint8Array.from(packet), encodeSocketAddress(libc, to.address, to.port), 1000);
  }

  test.each(hasIpv6 ? ["127.0.0.1", "::1", "localhost"] : ["127.0.0.1", "localhost"])(
    "receives in batches, with senders, at %s",
    (host) => {
      const [receiver, sender] = [bind(host), bind(host)];
      send(sender, receiver.localAddress, [1], [], [2, 3]);
      const from = sender.localAddress;
      expect(receive(receiver)).toEqual([
        { data: [1], sender: from },
        { data: [], sender: from },
        { data: [2, 3], sender: from },
      ]);
    },
  );

  test("sends and receives the largest datagram, and refuses a larger one", () => {
    const socket = bind("127.0.0.1");
    const { address, port } = socket.localAddress;
    const data = Array.from({ length: 65_507 }, (_, index) => index % 251);
    send(socket, { address, port }, data);
    expect(receive(socket)).toEqual([{ data, sender: socket.localAddress }]);
    expect(() => send(socket, { address, port }, [...data, 0])).toThrow(expect.objectContaining({ code: "OSC_PACKET_TOO_LARGE" }) as Error);
  });

  test("reuses the memory of a batch, whatever the sizes before", () => {
    const [receiver, sender] = [bind("127.0.0.1"), bind("127.0.0.1")];
    const batch = new MessageBatch(libc);
    const came: number[] = [];
    for (const sizes of [
      [3, 2, 1],
      [1, 5],
      [4, 4, 4, 4],
    ]) {
      send(sender, receiver.localAddress, ...sizes.map((size) => Array.from({ length: size }, () => size)));
      for (let left = sizes.length; left > 0;) {
        receiver.wait(1000);
        const count = batch.receive(receiver.fd, BATCH_SIZE, "look");
        for (let index = 0; index < count; index += 1) came.push(batch.data(index).length);
        expect(decodeSocketAddress(libc, batch.sender(0))).toEqual(sender.localAddress);
        left -= count;
      }
    }
    expect(came).toEqual([3, 2, 1, 1, 5, 4, 4, 4, 4]);
  });

  test.skipIf(!hasIpv6)("a dual-stack socket hears IPv4, an IPv6-only one does not", async () => {
    const both = bind("::");
    const only = bind("::", { ipv6Only: true });
    const sender = bind("127.0.0.1");
    send(sender, { address: "127.0.0.1", port: both.localAddress.port }, [7]);
    send(sender, { address: "127.0.0.1", port: only.localAddress.port }, [8]);
    expect(receive(both)).toEqual([{ data: [7], sender: { ...sender.localAddress, address: "::ffff:127.0.0.1", family: "IPv6" } }]);
    expect(new MessageBatch(libc).receive(only.fd, 1, "look")).toBe(0);
  });

  test("sends to and receives from Node's sockets", async () => {
    const native = bind("127.0.0.1");
    const node = createSocket("udp4").bind(0, "127.0.0.1");
    await once(node, "listening");
    await new Promise((resolve) => node.send(Uint8Array.of(1, 2), native.localAddress.port, "127.0.0.1", resolve));
    expect(receive(native)).toMatchObject([{ data: [1, 2], sender: { port: node.address().port } }]);
    send(native, node.address(), [3]);
    const [data, { port }] = (await once(node, "message")) as [Buffer, RemoteInfo];
    expect([[...data], port]).toEqual([[3], native.localAddress.port]);
    node.close();
  });

  test("shares a port among sockets with reusePort, and only then", () => {
    const first = bind("127.0.0.1", { reusePort: true });
    expect(bind("127.0.0.1", { reusePort: true }, first.localAddress.port).localAddress).toEqual(first.localAddress);
    expect(() => bind("127.0.0.1", {}, first.localAddress.port)).toThrow(OscSocketError);
  });

  test("receives multicast if it joined the group", () => {
    const options = { multicastGroups: ["239.255.13.37"], multicastInterface: "127.0.0.1", reuseAddress: true, multicastLoopback: true };
    const first = bind("0.0.0.0", options);
    const second = bind("0.0.0.0", options, first.localAddress.port);
    const sender = bind("127.0.0.1", { multicastInterface: "127.0.0.1", multicastTtl: 0, multicastLoopback: true });
    send(sender, { address: "239.255.13.37", port: first.localAddress.port }, [9]);
    expect([receive(first), receive(second)]).toMatchObject([[{ data: [9] }], [{ data: [9] }]]);
  });

  test.skipIf(!hasIpv6)("IPv6 multicast, with the interface by name", () => {
    const joined = (): boolean => readFileSync("/proc/net/igmp6", "utf8").includes("ff110000000000000000000000001337");
    expect(joined()).toBe(false);
    const socket = bind("::", {
      multicastGroups: ["ff11::1337"],
      multicastInterface: "::%lo",
      multicastLoopback: true,
      multicastTtl: 0,
      ttl: 3,
    });
    expect(joined()).toBe(true);
    expect([17, 18, 19, 16].map((name) => readOption(socket.fd, 41, name))).toEqual([interfaceIndex(libc, "lo"), 0, 1, 3]);
  });

  test("sets buffers, ttl and broadcast as portable sockets do", () => {
    const socket = bind("127.0.0.1", {
      ttl: 7,
      broadcast: true,
      receiveBufferSize: 100_000,
      sendBufferSize: 50_000,
      multicastTtl: 4,
      multicastLoopback: false,
    });
    expect([8, 7, 6].map((name) => readOption(socket.fd, 1, name))).toEqual([200_000, 100_000, 1]);
    expect([2, 33, 34].map((name) => readOption(socket.fd, 0, name))).toEqual([7, 4, 0]);
  });

  test.each([
    ["10.255.255.1", {}, "EADDRNOTAVAIL", "127.0.0.1 for this machine only"],
    ["no-such-name.invalid", {}, "ENOTFOUND", "Cannot look up no-such-name.invalid: unknown host name"],
    ["127.0.0.1", { multicastGroups: ["10.0.0.1"] }, "EINVAL", "Cannot listen on 127.0.0.1:0: the system rejects this address or option"],
  ])("a fault is told as the portable sockets tell it: %s %j", (host, options, code, message) => {
    expect(() => bind(host, options)).toThrow(
      expect.objectContaining({ name: "OscSocketError", code, message: expect.stringContaining(message) as string }) as Error,
    );
  });

  test("frees the port before close returns, and may be closed twice", () => {
    const socket = bind("127.0.0.1");
    const { port } = socket.localAddress;
    expect(() => bind("127.0.0.1", {}, port)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }) as Error);
    socket.close();
    socket.close();
    expect(bind("127.0.0.1", {}, port).localAddress.port).toBe(port);
  });

  test("stops waiting in time, and has the code of a system error", () => {
    const socket = bind("127.0.0.1");
    const started = performance.now();
    socket.wait(20.5);
    expect(performance.now() - started).toBeGreaterThanOrEqual(20);
    const batch = new MessageBatch(libc);
    expect(batch.receive(socket.fd, 1, "look")).toBe(0);
    expect(() => batch.receive(-1, 1, "look")).toThrow(expect.objectContaining({ code: "EBADF" }) as Error);
  });

  test.each([
    ["192.168.1.2", 57_120],
    ["255.255.255.255", 65_535],
    ["::1", 9000],
    ["2001:db8::a:0:0:1", 1],
    ["::ffff:10.0.0.1", 80],
    ["fe80::1%lo", 8000],
  ])("the address %s and the port %i come back as they were", (address, port) => {
    expect(decodeSocketAddress(libc, encodeSocketAddress(libc, address, port))).toMatchObject({ address, port });
  });

  test("looks for an IPv4 address first, and for any if there is none", () => {
    const families: number[] = [];
    const calls: Libc = {
      ...libc,
      getaddrinfo: (node, service, hints, results) => {
        families.push(new DataView(hints.buffer).getInt32(4, true));
        const EAI_NONAME = -2;
        return families.length === 1 ? EAI_NONAME : libc.getaddrinfo(node, service, hints, results);
      },
    };
    const AF_INET = 2;
    expect(["127.0.0.1", "::1"]).toContain(lookUp(calls, "localhost"));
    expect(families).toEqual([AF_INET, 0]);
    expect(lookUp(calls, "::ffff:10.0.0.5")).toBe("10.0.0.5");
  });

  test("doesn't look an IP address up", () => {
    expect(["127.0.0.1", "::1"].map((host) => lookUp(libc, host))).toEqual(["127.0.0.1", "::1"]);
  });
});

/** `getsockopt`, of which the library has no need. */
function readOption(fd: number, level: number, name: number): number {
  const value = new Int32Array(1);
  const size = Uint32Array.of(4);
  const { getsockopt } = functionsOf(loadKoffi(), ["int getsockopt(int fd, int level, int name, void *value, void *size)"]) as {
    getsockopt: (fd: number, level: number, name: number, value: Int32Array, size: Uint32Array) => number;
  };
  expect(getsockopt(fd, level, name, value, size)).toBe(0);
  return value[0] ?? 0;
}
