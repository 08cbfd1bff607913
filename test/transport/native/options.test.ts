import { readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import type { Libc } from "../../../src/transport/native/libc.ts";
import { nativeSockets } from "../../../src/transport/native/self-test.ts";
import { NativeUdpTransport } from "../../../src/transport/native/udp.ts";
import type { Transport, TransportEvents } from "../../../src/transport/transport.ts";
import { type UdpOptions, type UdpSpec, UdpTransport } from "../../../src/transport/udp.ts";

const found = nativeSockets();
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

/** What Linux calls what the options set: level and name. */
const SOCKET = { reuseAddress: [1, 2], broadcast: [1, 6], sendBufferSize: [1, 7], receiveBufferSize: [1, 8], reusePort: [1, 15] } as const;
const IPV4 = { ttl: [0, 2], multicastInterface: [0, 32], multicastTtl: [0, 33], multicastLoopback: [0, 34] } as const;
const IPV6 = {
  ttl: [41, 16],
  multicastInterface: [41, 17],
  multicastTtl: [41, 18],
  multicastLoopback: [41, 19],
  ipv6Only: [41, 26],
} as const;

/** Each option, with a value that is not its default. Groups are joined, and tested by what they receive. */
const OTHERS = {
  ipv6Only: true,
  reuseAddress: true,
  broadcast: true,
  multicastGroups: [],
  multicastInterface: "127.0.0.1",
  multicastTtl: 5,
  multicastLoopback: false,
  ttl: 9,
  receiveBufferSize: 70_000,
  sendBufferSize: 60_000,
} as const satisfies Required<Omit<UdpOptions, "reusePort">>;

describe.skipIf(found instanceof Error)("a native socket gets the same options as one of Node", () => {
  const libc = found as Libc;
  const events: TransportEvents = {
    onPacket: () => undefined,
    onError: () => undefined,
    refusal: () => null,
    onConnection: () => undefined,
  };

  /** The sockets of this process that are bound to that port. */
  function socketsAt(port: number): number[] {
    return readdirSync("/proc/self/fd")
      .map(Number)
      .filter((fd) => {
        const address = new Uint8Array(32);
        return libc.getsockname(fd, address, lengthOf(32)) === 0 && new DataView(address.buffer).getUint16(2) === port;
      });
  }

  function valuesOf(fd: number, names: Readonly<Record<string, readonly [level: number, name: number]>>): Record<string, number> {
    return Object.fromEntries(
      Object.entries(names).map(([option, [level, name]]) => {
        const value = new Int32Array(1);
        expect(libc.getsockopt(fd, level, name, new Uint8Array(value.buffer), lengthOf(4))).toBe(0);
        return [option, value[0] ?? 0];
      }),
    );
  }

  /** What the options of the socket are that a transport opens. */
  async function opened(make: (spec: UdpSpec) => Transport, host: string, options: UdpOptions): Promise<Record<string, number>> {
    const transport = make({ transport: "udp", host, port: 0, options, native: "auto", atOnce: 64 });
    const { port } = await transport.open();
    const names = { ...SOCKET, ...(host.includes(":") ? IPV6 : IPV4) };
    const [fd = -1, ...others] = socketsAt(port);
    expect(others).toEqual([]);
    const values = valuesOf(fd, names);
    await transport.close();
    return values;
  }

  const hosts = hasIpv6 ? ["127.0.0.1", "::"] : ["127.0.0.1"];
  const cases = hosts.flatMap((host): { readonly host: string; readonly options: UdpOptions }[] => [
    { host, options: {} },
    ...Object.entries(OTHERS).map(([name, value]) => ({
      host,
      options: { [name]: name === "multicastInterface" && host === "::" ? "::%lo" : value },
    })),
  ]);

  test.each(cases)("$host with $options", async ({ host, options }) => {
    const inNode = (spec: UdpSpec): Transport => new UdpTransport(spec, events);
    const native = (spec: UdpSpec): Transport => new NativeUdpTransport(libc, spec, events);
    if (options.ipv6Only === true && host === "127.0.0.1") {
      for (const make of [inNode, native]) await expect(opened(make, host, options)).rejects.toMatchObject({ code: "EINVAL" });
      return;
    }
    const portable = await opened(inNode, host, options);
    expect(await opened(native, host, options)).toEqual(portable);
    const [changed] = Object.keys(options);
    if (changed === undefined || !(changed in portable)) return;
    // The option does something, or the test would show nothing.
    const usual = await opened(inNode, host, {});
    expect(portable[changed]).not.toBe(usual[changed]);
  });
});

function lengthOf(size: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(size).buffer);
}
