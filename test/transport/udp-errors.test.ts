import { Socket } from "node:dgram";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { UdpTransport } from "../../src/transport/udp.ts";
import { Correspondent, openWire } from "../shared/wire.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A transport that sends back what it gets, and the errors that it tells of. */
async function echo(): Promise<{ client: Correspondent; errors: [OscError, NetAddress | undefined][]; close: () => Promise<void> }> {
  const errors: [OscError, NetAddress | undefined][] = [];
  const transport = new UdpTransport(
    { transport: "udp", host: "127.0.0.1", port: 0, options: {}, native: false, atOnce: 64 },
    {
      onPacket: (packet, peer) => peer.send(packet),
      onError: (error, address) => errors.push([error, address]),
      refusal: () => null,
      onConnection: () => undefined,
    },
  );
  const client = new Correspondent(await openWire("udp", await transport.open()));
  const close = async (): Promise<void> => {
    await client.wire.close();
    await transport.close();
  };
  return { client, errors, close };
}

const failure = (code: string): Error => Object.assign(new Error(`send ${code}`), { code });

describe.each(["ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EMSGSIZE", "ENOBUFS", "EPERM", "EAGAIN"])(
  "a reply that fails with %s",
  (code) => {
    test.each(["later", "at once"])("%s, reports it with the client and what to do, and sends the next one", async (when) => {
      const { client, errors, close } = await echo();
      client.send(new OscMessage("/lost"));
      // The client's own was sent before this; what fails is the reply.
      const fails = vi.spyOn(Socket.prototype, "send").mockImplementationOnce((...parameters: unknown[]) => {
        if (when === "at once") throw failure(code);
        process.nextTick(parameters.at(-1) as (error: Error) => void, failure(code));
      });
      while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
      fails.mockRestore();
      expect(errors).toMatchObject([
        [{ code, message: expect.stringContaining(`127.0.0.1:${client.wire.port}`) }, { port: client.wire.port }],
      ]);
      client.send(new OscMessage("/found"));
      expect(await client.next()).toMatchObject({ address: "/found" });
      await close();
    });
  },
);

test("reports an error of the socket itself, and goes on", async () => {
  const bind = vi.spyOn(Socket.prototype, "bind");
  const { client, errors, close } = await echo();
  const [socket] = bind.mock.contexts as Socket[];
  for (const code of ["ECONNREFUSED", "ENETDOWN"]) socket?.emit("error", failure(code));
  expect(errors.map(([{ code }]) => code)).toEqual(["ECONNREFUSED", "ENETDOWN"]);
  client.send(new OscMessage("/still/there"));
  expect(await client.next()).toMatchObject({ address: "/still/there" });
  await close();
});
