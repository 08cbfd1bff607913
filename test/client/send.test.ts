import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { UDPClient } from "../../src/client/index.ts";
import { OscBundle, OscMessage, TimeTag, encode, float, int } from "../../src/codec/index.ts";
import { OscEncodeError, OscServerError, OscSocketError } from "../../src/errors.ts";
import { Reports, portOf, simpleClient, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";
import { steadyPort } from "../steady-port.ts";

const MAX_DATAGRAM = 65_507;

describe("send", () => {
  test("sends a message and a bundle, byte for byte", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const bundle = new OscBundle([new OscMessage("/a", [1, "two"]), new OscBundle(new OscMessage("/b", 0.5))], TimeTag.IMMEDIATELY);
    await client.send(new OscMessage("/gain", [float(1), int(2), "left"]));
    await client.send(bundle);
    expect((await peer.next()).packet).toEqual(new OscMessage("/gain", [float(1), int(2), "left"]));
    expect(new Uint8Array((await peer.next()).bytes)).toEqual(encode(bundle));
  });

  test("delivers random packets equal and in order", async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port);
    const argument = fc.oneof(
      fc.integer(),
      fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
      fc.boolean(),
      fc.uint8Array({ maxLength: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(argument, { maxLength: 6 }), { minLength: 1, maxLength: 5 }), async (messages) => {
        for (const args of messages) void client.sendMessage("/any", args);
        for (const args of messages) {
          const { packet } = await peer.next();
          expect((packet as OscMessage).args.map((arg) => (arg instanceof Uint8Array ? [...arg] : arg))).toEqual(
            args.map((arg) => (arg instanceof Uint8Array ? [...arg] : arg)),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  test("keeps the order of packets sent before the socket is open, also to a host name", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port, {}, "localhost");
    for (let index = 0; index < 50; index += 1) void client.send(new OscMessage("/n", index));
    await client.open();
    void client.send(new OscMessage("/n", 50));
    for (let index = 0; index <= 50; index += 1) expect((await peer.next()).packet).toEqual(new OscMessage("/n", index));
  });

  test("sendMessage takes one value, several, none, and types", async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port);
    await client.sendMessage("/one", 123);
    await client.sendMessage("/several", [1, 2.5, "hello"]);
    await client.sendMessage("/none");
    await client.sendMessage("/typed", [1, 2], "fd");
    await client.sendBundle([new OscMessage("/in/bundle")], TimeTag.from(0));
    expect((await peer.next()).packet).toMatchObject({ address: "/one", types: "i", args: [123] });
    expect((await peer.next()).packet).toMatchObject({ address: "/several", types: "ifs", args: [1, 2.5, "hello"] });
    expect((await peer.next()).packet).toMatchObject({ address: "/none", types: "", args: [] });
    expect((await peer.next()).packet).toMatchObject({ address: "/typed", types: "fd", args: [1, 2] });
    expect((await peer.next()).packet).toEqual(new OscBundle(new OscMessage("/in/bundle"), TimeTag.from(0)));
  });

  test('numbers: "float" sends plain numbers as floats, and int() as int', async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port, { numbers: "float" });
    await client.sendMessage("/x", [1, int(2), 0.5]);
    await client.sendBundle(new OscMessage("/y", 3));
    expect((await peer.next()).packet).toMatchObject({ types: "fif", args: [1, 2, 0.5] });
    expect((await peer.next()).packet).toMatchObject({ elements: [{ types: "f", args: [3] }] });
  });

  test("sends bytes unchanged with sendBytes", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    await client.sendBytes(encode(new OscMessage("/raw", "bytes")));
    expect((await peer.next()).packet).toEqual(new OscMessage("/raw", "bytes"));
  });

  test("works over IPv6, from a given port and address", async () => {
    const peer = await Peer.open("::1");
    const localPort = await steadyPort();
    const client = udpClient(peer.port, { localAddress: "::1", localPort }, "::1");
    await client.send(new OscMessage("/six"));
    expect((await peer.next()).from).toMatchObject({ address: "::1", port: localPort });
    expect(client.clientAddress).toEqual({ address: "::1", port: localPort, family: "IPv6" });
  });

  test("sends to a broadcast address if that is allowed, and says how to allow it", async () => {
    const peer = await Peer.open("0.0.0.0");
    const timid = udpClient(peer.port, {}, "127.255.255.255");
    const refused = await timid.send(new OscMessage("/all")).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OscSocketError);
    expect(refused).toMatchObject({ code: "EACCES", message: expect.stringContaining("broadcast: true") });
    await udpClient(peer.port, { broadcast: true }, "127.255.255.255").send(new OscMessage("/all"));
    expect((await peer.next()).packet).toEqual(new OscMessage("/all"));
  });
});

describe("a send that fails", () => {
  test("rejects a packet too large for UDP with its size and the limit, and sends the largest", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const error: unknown = await client.sendBytes(new Uint8Array(MAX_DATAGRAM + 1)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OscSocketError);
    expect(error).toMatchObject({ code: "OSC_PACKET_TOO_LARGE", message: expect.stringMatching(/65508 bytes.*65507 at most/) });
    expect(client.stats()).toMatchObject({ sent: 0, sendErrors: 1 });

    const largest = new OscMessage("/blob", new Uint8Array(MAX_DATAGRAM - 19));
    expect(encode(largest)).toHaveLength(65_504);
    await client.send(largest);
    expect((await peer.next()).bytes).toHaveLength(65_504);
  });

  test("rejects if the name doesn't resolve and says what to do; the next send looks it up again", async () => {
    const client = udpClient(9000, {}, "no-such-host.invalid");
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error: unknown = await client.send(new OscMessage("/x")).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(OscSocketError);
      expect(error).toMatchObject({ address: "no-such-host.invalid", message: expect.stringContaining("no-such-host.invalid") });
      // Without any network a resolver may say EAI_AGAIN: it does not know.
      expect(["ENOTFOUND", "EAI_AGAIN"]).toContain((error as OscSocketError).code);
    }
    expect(client.clientAddress).toBeNull();
    expect(client.stats()).toMatchObject({ sent: 0, sendErrors: 2 });
  });

  test("rejects open() and every waiting packet if the port is taken", async () => {
    const peer = await Peer.open();
    const client = udpClient(9000, { localAddress: "127.0.0.1", localPort: peer.port });
    const sends = [client.send(new OscMessage("/x")), client.send(new OscMessage("/y"))];
    await expect(client.open()).rejects.toMatchObject({ code: "EADDRINUSE" });
    for (const send of sends) await expect(send).rejects.toMatchObject({ code: "EADDRINUSE", address: `127.0.0.1:${peer.port}` });
  });

  test("rejects a value that can't be sent with the encoder's error", async () => {
    const client = simpleClient(9000);
    await expect(client.sendMessage("no slash")).rejects.toBeInstanceOf(OscEncodeError);
    await expect(client.sendMessage("/x", 3e9, "i")).rejects.toBeInstanceOf(OscEncodeError);
    await expect(client.send("/x" as unknown as OscMessage)).rejects.toBeInstanceOf(OscEncodeError);
    await expect(client.sendBytes("/x" as unknown as Uint8Array)).rejects.toBeInstanceOf(OscEncodeError);
    expect(client.clientAddress).toBeNull();
  });

  test("goes to onError if nobody looks at the promise, and only there", async () => {
    const reports = new Reports();
    const client = simpleClient(9000, { onError: reports.listener });
    void client.sendMessage("no slash");
    await reports.atLeast(1);
    await expect(client.sendMessage("no slash either")).rejects.toMatchObject({ code: "OSC_BAD_ADDRESS" });
    await client.sendMessage("nor here").catch(() => undefined);
    await Promise.allSettled([client.sendMessage("nor in a list")]);
    void client.sendBytes(new Uint8Array(70_000));
    await reports.atLeast(2);
    expect(reports.codes).toEqual(["OSC_BAD_ADDRESS", "OSC_PACKET_TOO_LARGE"]);
    expect(reports.all[0]?.error.message).toContain("no slash");
  });

  test("is one line on stderr without onError", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const client = simpleClient(9000);
      void client.sendBytes(new Uint8Array(70_000));
      await vi.waitFor(() => expect(print).toHaveBeenCalledOnce());
      expect(print.mock.calls[0]).toEqual([
        expect.stringMatching(/^oscine: Cannot send to 127\.0\.0\.1:9000: .*70000 bytes.*\[OSC_PACKET_TOO_LARGE\]$/),
      ]);
    } finally {
      print.mockRestore();
    }
  });
});

describe("connected: true", () => {
  test("reports a port where nothing listens, and loses no packet to the report of another", async () => {
    const port = await steadyPort();
    const reports = new Reports();
    const client = udpClient(port, { connected: true, onError: reports.listener });
    for (let index = 0; index < 10; index += 1) await client.send(new OscMessage("/x", index));
    const [first] = await reports.atLeast(1);
    expect(first?.error).toBeInstanceOf(OscSocketError);
    expect(first?.error).toMatchObject({
      code: "ECONNREFUSED",
      address: `127.0.0.1:${port}`,
      message: expect.stringContaining("start the receiver"),
    });
    expect(client.stats()).toMatchObject({ sent: 10, sendErrors: 0 });
  });

  test("delivers everything once somebody listens", async () => {
    const port = await steadyPort();
    const reports = new Reports();
    const client = udpClient(port, { connected: true, onError: reports.listener });
    await client.send(new OscMessage("/lost"));
    const peer = await Peer.open();
    const again = udpClient(peer.port, { connected: true });
    await again.send(new OscMessage("/heard", 1));
    await again.send(new OscMessage("/heard", 2));
    expect((await peer.next()).packet).toEqual(new OscMessage("/heard", 1));
    expect((await peer.next()).packet).toEqual(new OscMessage("/heard", 2));
    expect(again.clientAddress).toMatchObject({ address: "127.0.0.1", family: "IPv4" });
  });

  test("hears only the address it is connected to; without it hears everyone", async () => {
    const peer = await Peer.open();
    const stranger = await Peer.open();
    for (const connected of [true, false]) {
      const client = udpClient(peer.port, { connected });
      const port = await portOf(client);
      await stranger.say(new OscMessage("/stranger"), port);
      await peer.say(new OscMessage("/peer"), port);
      const heard: string[] = [];
      for await (const { address } of client.messages()) {
        heard.push(address);
        if (address === "/peer") break;
      }
      expect(heard).toEqual(connected ? ["/peer"] : ["/stranger", "/peer"]);
    }
  });
});

describe("a client that cannot be", () => {
  test.each([
    ["a host that is none", () => new UDPClient("", 9000)],
    ["a host that is no text", () => new UDPClient(undefined as unknown as string, 9000)],
    ["port 0", () => new UDPClient("127.0.0.1", 0)],
    ["a port too large", () => new UDPClient("127.0.0.1", 65_536)],
    ["a port that is text", () => new UDPClient("127.0.0.1", "9000" as unknown as number)],
    ["a local port too large", () => new UDPClient("127.0.0.1", 9000, { localPort: 65_536 })],
    ["a local address that is a name", () => new UDPClient("127.0.0.1", 9000, { localAddress: "localhost" })],
    ["two IP versions", () => new UDPClient("127.0.0.1", 9000, { localAddress: "::1" })],
    ["a family that is not the host's", () => new UDPClient("::1", 9000, { family: 4 })],
    ["a family that is none", () => new UDPClient("::1", 9000, { family: 5 as unknown as 4 })],
    ["a TTL that is none", () => new UDPClient("127.0.0.1", 9000, { ttl: 999 })],
    ["a buffer that no system has", () => new UDPClient("127.0.0.1", 9000, { receiveBufferSize: 2 ** 31 })],
    ["a group that is a name", () => new UDPClient("127.0.0.1", 9000, { multicastGroups: ["all"] })],
    ["an inbox without room", () => new UDPClient("127.0.0.1", 9000, { maxInbox: 0 })],
    ["numbers that are none", () => new UDPClient("127.0.0.1", 9000, { numbers: "int" as unknown as "auto" })],
    ["an onError that is no function", () => new UDPClient("127.0.0.1", 9000, { onError: 1 as unknown as () => void })],
  ])("%s is an OSC_OPTION error at once", (_what, make) => {
    expect(make).toThrow(OscServerError);
    expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test("rejects the first use with an OscSocketError if the system rejects an option", async () => {
    const client = udpClient(9000, { multicastInterface: "203.0.113.1" });
    await expect(client.send(new OscMessage("/x"))).rejects.toBeInstanceOf(OscSocketError);
    expect(client.clientAddress).toBeNull();
  });
});
