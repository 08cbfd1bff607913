/** What a caller gets wrong is our error at once, with the offending value and the right form, also in plain JavaScript. */
import { describe, expect, test } from "vitest";
import {
  SimpleTCPClient,
  SimpleUDPClient,
  TCPClient,
  TCPDispatchClient,
  UDPClient,
  WebSocketClient,
  DispatchClient,
} from "../../src/client/index.ts";
import { OscEncodeError, OscServerError } from "../../src/errors.ts";

/** A value of any type, as plain JavaScript passes it. */
type Wrong = never;
const wrong = (value: unknown): Wrong => value as Wrong;

class EventLoop {
  readonly running = true;
}

type Constructor = new (...args: Wrong[]) => unknown;
const HOST_AND_PORT: Readonly<Record<string, Constructor>> = {
  UDPClient,
  SimpleUDPClient,
  DispatchClient,
  TCPClient,
  SimpleTCPClient,
  TCPDispatchClient,
};
/** Neither an options object nor undefined. */
const NO_OPTIONS: readonly unknown[] = ["1.0", 3, true, null, [], () => undefined, new EventLoop()];

describe.each(Object.entries(HOST_AND_PORT))("new %s()", (_name, Client) => {
  test.each<readonly [unknown[], RegExp]>([
    [["127.0.0.1", "9000"], /^Port must be an integer from 1 to 65535; got "9000" \(string\)\. Convert it with Number/],
    [["127.0.0.1", 0], /^Port .* got 0 \(number\)\.$/],
    [["127.0.0.1", 65_536], /^Port /],
    [["127.0.0.1", 1.5], /^Port /],
    [["127.0.0.1", null], /^Port .* got null\.$/],
    [["127.0.0.1"], /^Port .* got undefined\.$/],
    [["", 9000], /^Host must be a name or an IP address, .* got "" \(string\)\.$/],
    [[" 127.0.0.1 ", 9000], /^Host must not contain spaces: write "127\.0\.0\.1"; got " 127\.0\.0\.1 " \(string\)\.$/],
    [[null, 9000], /^Host .* got null\.$/],
    [[9000], /^Host .* got 9000 \(number\)\.$/],
    [
      ["127.0.0.1:9000"],
      /takes the host and the port as two arguments, such as new \w+\("127\.0\.0\.1", 9000\); got "127\.0\.0\.1:9000" \(string\)\.$/,
    ],
    [[["127.0.0.1", 9000]], /two arguments, .* got \["127\.0\.0\.1", 9000\] \(array\)\.$/],
    [[{ host: "127.0.0.1", port: 9000 }], /two arguments, .* got \{ host, port \} \(object\)\.$/],
  ])("rejects the address %j and says the right form", (args, message) => {
    expect(() => new Client(...(args as Wrong[]))).toThrow(
      expect.objectContaining({ code: "OSC_OPTION", message: expect.stringMatching(message) }),
    );
  });

  test.each(NO_OPTIONS)("rejects %o in place of options", (options) => {
    expect(() => new Client(wrong("127.0.0.1"), wrong(9000), wrong(options))).toThrow(
      expect.objectContaining({ code: "OSC_OPTION", message: expect.stringMatching(/^The options of \w+ must be an object, such as \{/) }),
    );
  });

  test("names the option that was meant in place of an unknown one", () => {
    expect(() => new Client(wrong("127.0.0.1"), wrong(9000), wrong({ max_inbox: 1 }))).toThrow(
      /has no option "max_inbox"\. Did you mean maxInbox\?$/,
    );
    expect(() => new Client(wrong("127.0.0.1"), wrong(9000), wrong({ onerror: () => undefined }))).toThrow(/Did you mean onError\?$/);
  });

  test.each([
    { dispatcher: {} },
    { for: "x33" },
    { for: null },
    { numbers: "floats" },
    { onError: "stderr" },
    { maxReports: 0 },
    { strict: "yes" },
    { maxNesting: 0 },
    { maxPacketSize: 0.5 },
    { maxInbox: null },
    { maxInboxBytes: "1" },
  ])("rejects the option value %o", (options) => {
    expect(() => new Client(wrong("127.0.0.1"), wrong(9000), wrong(options))).toThrow(OscServerError);
  });
});

describe("options of one transport", () => {
  test.each([
    { allow_broadcast: true },
    { broadcast: "yes" },
    { family: 5 },
    { localAddress: "here" },
    { localPort: -1 },
    { localPort: 65_536 },
    { connected: 1 },
    { native: true },
    { multicastGroups: "239.0.0.1" },
    { multicastGroups: ["everyone"] },
    { multicastInterface: 4 },
    { multicastTtl: 256 },
    { ttl: 0 },
    { receiveBufferSize: "big" },
    { sendBufferSize: 0 },
    { reuseAddress: 1 },
    { reusePort: 1 },
    { ipv6Only: 1 },
    { multicastLoopback: 1 },
  ])("UDPClient rejects %o", (options) => {
    expect(() => new UDPClient("127.0.0.1", 9000, wrong(options))).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test.each([
    { noDelay: 1 },
    { keepAlive: "on" },
    { framing: "slip" },
    { mode: "1.2" },
    { offline: "wait" },
    { maxUnsentTime: -1 },
    { reconnect: null },
    { reconnect: "no" },
    { reconnect: { min_delay: 1 } },
  ])("TCPClient rejects %o", (options) => {
    expect(() => new TCPClient("127.0.0.1", 9000, wrong(options))).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test.each([{ maxBuffered: 0 }, { WebSocket: {} }, { headers: "a: b" }, { headers: { a: 1 } }, { url: "ws://b/" }])(
    "WebSocketClient rejects %o",
    (options) => {
      expect(() => new WebSocketClient("ws://127.0.0.1:9000/", wrong(options))).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    },
  );

  test.each([undefined, null, 9000, "127.0.0.1:9000", "osc.udp://127.0.0.1:9000", {}])("WebSocketClient rejects the URL %o", (url) => {
    expect(() => new WebSocketClient(wrong(url))).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

describe("methods of a client", () => {
  const client = new UDPClient("127.0.0.1", 9000);
  const tcp = new TCPClient("127.0.0.1", 9000);

  test.each<readonly [string, () => unknown]>([
    ["messages(null)", () => client.messages(wrong(null))],
    ["messages(500)", () => client.messages(wrong(500))],
    ["messages({ timeout: '5' })", () => client.messages({ timeout: wrong("5") })],
    ["messages({ timeout: NaN })", () => client.messages({ timeout: Number.NaN })],
    ["receive({ signal: {} })", () => client.receive({ signal: wrong({}) })],
    ["handleMessages(1000)", () => client.handleMessages(wrong(1000))],
    ["request(…, 500)", () => client.request("/a", [], wrong(500))],
    ["request(…, null)", () => client.request("/a", [], wrong(null))],
    ["request(…, { retry: 1 })", () => client.request("/a", [], wrong({ retry: 1 }))],
    ["request(…, { timeout: 0 })", () => client.request("/a", [], { timeout: 0 })],
    ["request(…, { replyTo: 'a' })", () => client.request("/a", [], { replyTo: "a" })],
    ["request(…, { accept: true })", () => client.request("/a", [], { accept: wrong(true) })],
    ["connect(2000)", () => tcp.connect(wrong(2000))],
    ["connect({ timeout: -1 })", () => tcp.connect({ timeout: -1 })],
    ["on('message')", () => tcp.on(wrong("message"), () => undefined)],
    ["on('state', null)", () => tcp.on("state", wrong(null))],
    ["sendBatch(3)", () => client.sendBatch(wrong(3))],
  ])("%s is rejected with OSC_OPTION", async (_name, call) => {
    const attempt = async (): Promise<unknown> => call();
    await expect(attempt()).rejects.toMatchObject({ code: "OSC_OPTION" });
  });

  test.each<readonly [string, unknown[], string]>([
    ["two strings", ["x", "s"], '["x", "s"]'],
    ["two numbers", [1, 2], "[1, 2]"],
    ["null for the types", ["x", null], '["x", null]'],
    ["three values", ["x", "y", "z"], '["x", "y", "z"]'],
  ])("sendMessage() rejects %s one after another, and shows the array to write", async (_name, args, array) => {
    const send = client.sendMessage.bind(client, "/a") as (...values: unknown[]) => Promise<void>;
    const error: unknown = await send(...args).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OscEncodeError);
    expect((error as Error).message).toContain(`write sendMessage("/a", ${array})`);
  });

  test("sendMessage() takes type tags for one value and for an array", async () => {
    await client.sendMessage("/a", 1, "f");
    await client.sendMessage("/a", "x", "S");
    await client.sendMessage("/a", ["x", "y"], "ss");
    await client.close();
  });
});
