import { createSocket } from "node:dgram";
import { describe, expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { AsyncOSCUDPServer } from "../../src/server/index.ts";
import { KernelDrops, dropsIn, readKernelDrops } from "../../src/transport/kernel-drops.ts";

const IPV4 = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 4248: 0100007F:E570 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 288423 2 000000004ad05ac8 19908
 4249: 00000000:E570 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 288424 2 000000004ad05ac8 5
 4250: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 288425 2 000000004ad05ac8 7
 4250: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 288426 2 000000004ad05ac8 11
`;
const IPV6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 4248: 00000000000000000000000001000000:E570 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000054b3ddd0 3
 4248: 000080FE00000000FF005450B6AA5ABC:E570 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2 2 0000000054b3ddd0 4
 4248: 0000000000000000FFFF00000100007F:E570 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0000000054b3ddd0 6
`;
const at = (address: string, port = 0xe570): NetAddress => ({ address, port, family: address.includes(":") ? "IPv6" : "IPv4" });
const nobody = (): Set<string> => new Set();

describe("the kernel's table of sockets", () => {
  test.each([
    ["127.0.0.1", IPV4, 19_908],
    ["0.0.0.0", IPV4, 5],
    ["127.0.0.2", IPV4, null],
    ["::1", IPV6, 3],
    ["fe80::5054:ff:bc5a:aab6%eth0", IPV6, 4],
    ["::ffff:127.0.0.1", IPV6, 6],
    ["::", IPV6, null],
  ])("%s", (address, table, drops) => {
    expect(dropsIn(table, at(address), nobody)).toBe(drops);
  });

  test("counts only our own sockets of those that share an address", () => {
    expect(dropsIn(IPV4, at("0.0.0.0", 9000), () => new Set(["288426"]))).toBe(11);
    expect(dropsIn(IPV4, at("0.0.0.0", 9000), () => new Set(["288425", "288426"]))).toBe(18);
    expect(dropsIn(IPV4, at("0.0.0.0", 9000), nobody)).toBeNull();
  });
});

test("knows nothing of a socket that doesn't exist", () => {
  expect(readKernelDrops({ address: "/tmp/x.sock", port: 0, family: "unix" })).toBeNull();
  expect(readKernelDrops(at("127.0.0.1", 1))).toBeNull();
  expect(new KernelDrops().count).toBeNull();
});

describe.runIf(process.platform === "linux")("a server whose buffer is full", () => {
  test("accounts for every datagram sent, as received or dropped by the kernel, also when it serves again", async () => {
    const server = new AsyncOSCUDPServer(["127.0.0.1", 0], new Dispatcher(), { receiveBufferSize: 4096 });
    expect(server.stats().kernelDropped).toBeNull();
    let sent = 0;
    for (let serving = 0; serving < 2; serving++) {
      const [endpoint] = await server.createServeEndpoint();
      expect(server.stats().kernelDropped).toBe(sent - server.stats().received);
      const sender = createSocket("udp4");
      await new Promise<void>((resolve) => sender.connect(endpoint.localAddress.port, "127.0.0.1", resolve));
      // The event loop is busy with sending, so that nothing is read meanwhile.
      for (let count = 0; count < 500; count++) sender.send(encode(new OscMessage("/a", [new Uint8Array(500)])));
      sent += 500;
      await accounted(() => server.stats().received + (server.stats().kernelDropped ?? 0) === sent);
      expect(server.stats().kernelDropped).toBeGreaterThan(0);
      sender.close();
      await endpoint.close();
      expect(server.stats().received + (server.stats().kernelDropped ?? 0)).toBe(sent);
    }
  });
});

/** Waits, turn by turn of the event loop, for what the sockets are to bring. */
async function accounted(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
