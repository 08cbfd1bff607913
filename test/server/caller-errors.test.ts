import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import {
  AsyncOSCTCPServer,
  AsyncOSCUDPServer,
  AsyncOSCWebSocketServer,
  BlockingOSCTCPServer,
  BlockingOSCUDPServer,
  ForkingOSCTCPServer,
  ForkingOSCUDPServer,
  ThreadingOSCTCPServer,
  ThreadingOSCUDPServer,
} from "../../src/server/index.ts";

/** As plain JavaScript calls them. */
type Constructor = new (...parameters: unknown[]) => unknown;

const SERVERS = {
  AsyncOSCUDPServer,
  BlockingOSCUDPServer,
  ThreadingOSCUDPServer,
  ForkingOSCUDPServer,
  AsyncOSCTCPServer,
  BlockingOSCTCPServer,
  ThreadingOSCTCPServer,
  ForkingOSCTCPServer,
  AsyncOSCWebSocketServer,
} as unknown as Readonly<Record<string, Constructor>>;

const LOCAL = ["127.0.0.1", 0];
const optionError = (message: RegExp): unknown =>
  expect.objectContaining({ name: "OscServerError", code: "OSC_OPTION", message: expect.stringMatching(message) as string });

describe.each(Object.entries(SERVERS))("%s", (name, Server) => {
  const make = (...parameters: unknown[]) => {
    return () => new Server(...parameters);
  };

  test.each([
    [
      "a port that is text",
      ["127.0.0.1", "1337"],
      /^Port must be an integer from 0 to 65535; got "1337" \(string\)\. Convert it with Number/,
    ],
    ["a port that is missing", ["127.0.0.1", undefined], /^Port must be .* got undefined/],
    ["a port out of range", ["127.0.0.1", 65_536], /got 65536 \(number\)/],
    ["a port with a fraction", ["127.0.0.1", 1.5], /got 1\.5/],
    ["a host alone", "127.0.0.1", /takes host and port as one array|must be an array \[host, port\]/],
    ["a port alone", 9000, /must be an array \[host, port\], such as \["127\.0\.0\.1", 9000\]; got 9000/],
    ["nothing", undefined, /must be an array \[host, port\].* got undefined/],
    ["null", null, /got null/],
    ["host and port by name", { host: "127.0.0.1", port: 9000 }, /got \{ host, port \} \(object\)/],
    ["an empty array", [], /got \[\] \(array\)/],
    ["a host that is no text", [9000, "127.0.0.1"], /^Host must be .* got 9000/],
    ["a host in spaces", [" 127.0.0.1", 9000], /^Host must not contain spaces/],
  ])("rejects an address that is %s", (_what, address, message) => {
    expect(make(address, new Dispatcher())).toThrow(optionError(message));
  });

  test.each([
    ["nothing", undefined, /got undefined/],
    ["null", null, /got null/],
    ["an empty object", {}, /got \{\} \(object\)/],
    ["a function", () => undefined, /dispatcher\.map\(address, handler\)/],
    ["an instance of another class", new Map(), /got an object of class Map/],
  ])("rejects handlers that are %s", (_what, handlers, message) => {
    expect(make(LOCAL, handlers)).toThrow(optionError(new RegExp(`^The second argument of ${name} must be a Dispatcher`)));
    expect(make(LOCAL, handlers)).toThrow(optionError(message));
  });

  test("explains how to pass host, port and dispatcher given as separate arguments", () => {
    const form = new RegExp(`^${name} takes host and port as one array: new ${name}\\(\\["127\\.0\\.0\\.1", 1337\\], dispatcher\\)`);
    expect(make("127.0.0.1", 1337, new Dispatcher())).toThrow(optionError(form));
    expect(make("127.0.0.1", 1337, new Dispatcher(), "1.1")).toThrow(optionError(form));
  });

  test.each([
    ["null", null],
    ["a number", 1],
    ["text", "1.1"],
    ["an array", []],
    ["a function", () => undefined],
    ["an event loop or another object", new EventTarget()],
  ])("rejects options that are %s", (_what, options) => {
    expect(make(LOCAL, new Dispatcher(), options)).toThrow(optionError(new RegExp(`^The options of ${name} must be an object`)));
  });

  test.each([
    ["onerror", "onError"],
    ["max_queue", "maxQueue"],
    ["maxpacketsize", "maxPacketSize"],
  ])("suggests the right option for %s", (wrong, right) => {
    const message = new RegExp(`^${name} has no option "${wrong}"\\. Did you mean ${right}\\?`);
    expect(make(LOCAL, new Dispatcher(), { [wrong]: 1 })).toThrow(optionError(message));
  });

  test.each([
    ["maxQueue", 0],
    ["maxQueue", "10"],
    ["maxPacketSize", 1.5],
    ["maxRate", 0],
    ["strict", "yes"],
    ["onError", "console"],
    ["overflow", "oldest"],
    ["allow", "10.0.0.5"],
    ["allow", ["10.0.0.5/"]],
    ["allow", ["10.0.0.5/33"]],
    ["allow", ["stage.local"]],
    ["allow", [5]],
  ])("rejects %s: %j", (option, value) => {
    expect(make(LOCAL, new Dispatcher(), { [option]: value })).toThrow(optionError(new RegExp(`^${option}`)));
  });
});

const OF_KIND: readonly (readonly [server: string, option: string, value: unknown])[] = [
  ["AsyncOSCUDPServer", "native", true],
  ["AsyncOSCUDPServer", "broadcast", "yes"],
  ["AsyncOSCUDPServer", "ttl", 256],
  ["AsyncOSCUDPServer", "multicastTtl", -1],
  ["AsyncOSCUDPServer", "receiveBufferSize", 0],
  ["AsyncOSCUDPServer", "multicastGroups", "239.0.0.1"],
  ["AsyncOSCUDPServer", "multicastGroups", ["192.168.0.1"]],
  ["AsyncOSCUDPServer", "multicastInterface", 5],
  ["BlockingOSCUDPServer", "reusePort", 1],
  ["AsyncOSCTCPServer", "framing", "slip"],
  ["AsyncOSCTCPServer", "mode", "slip"],
  ["AsyncOSCTCPServer", "maxConnections", 0],
  ["AsyncOSCTCPServer", "maxIdle", 0],
  ["AsyncOSCTCPServer", "maxIdle", 2 ** 31],
  ["AsyncOSCTCPServer", "noDelay", 1],
  ["AsyncOSCTCPServer", "backlog", "511"],
  ["AsyncOSCWebSocketServer", "origins", "https://example.org"],
  ["AsyncOSCWebSocketServer", "origins", ["https://example.org/path"]],
  ["AsyncOSCWebSocketServer", "origins", ["example.org"]],
  ["AsyncOSCWebSocketServer", "verifyClient", {}],
  ["AsyncOSCWebSocketServer", "path", "osc"],
  ["AsyncOSCWebSocketServer", "slowClients", "drop"],
  ["AsyncOSCWebSocketServer", "pingInterval", 0],
  ["AsyncOSCWebSocketServer", "pingTimeout", null],
];

test.each(OF_KIND)("%s rejects %s: %j", (name, option, value) => {
  const make = (): unknown => new (SERVERS[name] as Constructor)(LOCAL, new Dispatcher(), { [option]: value });
  expect(make).toThrow(optionError(new RegExp(`^${option}`)));
});

test.each([
  ["AsyncOSCUDPServer", "allow_broadcast", "broadcast"],
  ["ThreadingOSCUDPServer", "maxthreads", "maxThreads"],
  ["ForkingOSCTCPServer", "max_children", "maxChildren"],
  ["AsyncOSCTCPServer", "no_delay", "noDelay"],
  ["AsyncOSCWebSocketServer", "origin", "origins"],
])("%s suggests the right option for %s", (name, wrong, right) => {
  const make = (): unknown => new (SERVERS[name] as Constructor)(LOCAL, new Dispatcher(), { [wrong]: 1 });
  expect(make).toThrow(optionError(new RegExp(`Did you mean ${right}\\?`)));
});

test.each([
  ["AsyncOSCTCPServer", "native", "UDP"],
  ["AsyncOSCUDPServer", "framing", "TCP"],
  ["BlockingOSCTCPServer", "origins", "WebSocket"],
  ["AsyncOSCUDPServer", "maxThreads", "Threading"],
  ["ThreadingOSCUDPServer", "maxChildren", "Forking"],
])("%s reports that the option %s belongs to %s servers", (name, option, other) => {
  const make = (): unknown => new (SERVERS[name] as Constructor)(LOCAL, new Dispatcher(), { [option]: 1 });
  expect(make).toThrow(optionError(new RegExp(`^${name} has no option "${option}": ${other} servers have it\\.$`)));
});

test.each([{ path: "" }, { path: 5 }, { path: undefined }])("a TCP server rejects the socket path in %j", (address) => {
  const make = (): unknown => new (SERVERS["AsyncOSCTCPServer"] as Constructor)(address, new Dispatcher());
  expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
});

test("a WebSocket server rejects an invalid HTTP server and an invalid path", () => {
  const make = (address: unknown) => (): unknown => new (SERVERS["AsyncOSCWebSocketServer"] as Constructor)(address, new Dispatcher());
  expect(make({ server: {} })).toThrow(optionError(/^server must be an HTTP or HTTPS server/));
  expect(make({ server: null })).toThrow(optionError(/^server must be/));
  expect(make({ server: createServer(), path: "osc" })).toThrow(optionError(/^path must be/));
});
