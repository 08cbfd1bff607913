import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscServerError } from "../../src/errors.ts";
import { maskSecrets } from "../../src/url/secrets.ts";
import { formatOscUrl, parseFraming, parseOscUrl, websocketServer, websocketUrl } from "../../src/url/osc-url.ts";

const NOTHING = { path: null, framing: null, isSecure: false, listens: false };

describe("parseOscUrl reads", () => {
  test.each([
    ["osc.udp://example.org:9000/", "udp", "example.org", 9000, null],
    ["OSC.UDP://example.org:9000", "udp", "example.org", 9000, null],
    ["osc.udp://:9000/", "udp", null, 9000, null],
    ["osc.udp://[::1]:9000/", "udp", "::1", 9000, null],
    ["osc.tcp://10.0.0.5:3032/", "tcp", "10.0.0.5", 3032, null],
    ["osc.tcp://10.0.0.5:3032/?framing=1.0", "tcp", "10.0.0.5", 3032, "1.0"],
    ["osc.tcp://:3032?framing=1.1", "tcp", null, 3032, "1.1"],
    ["osc.tcp://3032", "tcp", null, 3032, null],
    ["localhost:57120", "udp", "localhost", 57_120, null],
    [":57120", "udp", null, 57_120, null],
    ["57120", "udp", null, 57_120, null],
    ["0", "udp", null, 0, null],
    ["[fe80::1%eth0]:9000", "udp", "fe80::1%eth0", 9000, null],
  ] as const)("%s", (text, transport, host, port, framing) => {
    expect(parseOscUrl(text)).toEqual({ ...NOTHING, transport, host, port, framing });
  });

  test.each([
    ["osc.unix:///tmp/osc.sock", { transport: "unix", host: null, port: 0, path: "/tmp/osc.sock" }],
    ["osc.unix:///tmp/a b.sock?framing=1.0&listen", { transport: "unix", path: "/tmp/a b.sock", framing: "1.0", listens: true }],
    ["ws://127.0.0.1:8080", { transport: "websocket", host: "127.0.0.1", port: 8080, path: "/" }],
    ["ws://:8080/osc", { transport: "websocket", host: null, port: 8080, path: "/osc" }],
    ["ws://8080", { transport: "websocket", host: null, port: 8080, path: "/" }],
    ["ws://host/osc?token=a=b&x", { transport: "websocket", host: "host", port: 80, path: "/osc?token=a=b&x" }],
    ["wss://[::1]/", { transport: "websocket", host: "::1", port: 443, path: "/", isSecure: true }],
    ["osc.tcp://:1?framing=none", { transport: "tcp", framing: "none" }],
    ["osc.serial:///dev/ttyACM0?baud=9600", { transport: "serial", path: "/dev/ttyACM0", baud: 9600 }],
    ["osc.serial://COM3", { transport: "serial", path: "COM3", baud: null }],
    ["ws://127.0.0.1:8080/?listen", { transport: "websocket", path: "/", listens: true }],
    ["osc.tcp://:1?listen=", { transport: "tcp", listens: true }],
  ])("%s", (text, parts) => {
    expect(parseOscUrl(text)).toMatchObject(parts);
  });
});

describe("parseOscUrl refuses", () => {
  test.each([
    ["osc.sctp://host:9000/", /begins with the unknown scheme osc\.sctp:\/\//],
    ["http://host:9000/", /Use one of osc\.udp:\/\/ osc\.tcp:\/\/ .*perhaps ws:\/\/host:9000\/$/],
    ["tcp://:9000", /perhaps osc\.tcp:\/\/:9000$/],
    ["osc://:9000", /perhaps osc\.udp:\/\/:9000$/],
    ["localhost", /names no port.*as in localhost:9000$/],
    ["osc.tcp://localhost/", /names no port.*as in osc\.tcp:\/\/localhost:9000\/$/],
    ["", /names no port/],
    [":", /names no port/],
    ["host:port", /names no port/],
    ["osc.udp://host/", /names no port/],
    ["ws://", /names no port/],
    ["::1", /is an IPv6 address without a port.*\[::1\]:9000/],
    ["[::1]", /is an IPv6 address without a port/],
    ["host:65536", /port 65536; a port is a number from 0 to 65535/],
    ["[host]:9000", /something other than an IPv6 address/],
    ["[]:9000", /something other than an IPv6 address/],
    ["a b:9000", /has a space/],
    ["ws://[1:2]:80/", /host that is invalid for a WebSocket/],
    ["osc.udp://host:9000/mixer/gain", /as in: osc\.udp:\/\/host:9000 \/mixer\/gain/],
    [":9000/mixer", /as in: :9000 \/mixer/],
    [":9000/mixer?x=1", /as in: :9000 \/mixer$/],
    ["/hello", /is an OSC address.* as in :9000 \/hello/],
    ["osc.unix://", /the path of a socket.*osc\.unix:\/\/\/tmp/],
    ["osc.unix://tmp/x.sock", /as in osc\.unix:\/\/\/tmp\/x\.sock$/],
    ["osc.tcp://host:9000/?framing=2", /1\.0 .*, 1\.1 .* or none .*got "2"/],
    ["osc.tcp://host:9000/?frame=1.0", /unknown option, frame/],
    ["osc.udp://host:9000/?framing=1.0", /only streams have/],
    ["ws://host:9000/?framing=1.0", /only streams have/],
    ["osc.udp://host:9000/?listen", /UDP has none/],
    ["osc.serial://dev/ttyACM0", /osc\.serial:\/\/\/dev\/ttyACM0/],
    ["osc.serial:///dev/ttyACM0?baud=fast", /a number of bits per second/],
    ["osc.tcp://host:9000/?listen=1", /unknown option, listen/],
    ["ws://host:9000/?listen&token=1", /token=\*\*\*" .*remove the rest of the query/],
    ["osc.udp://user:secret@host:9000", /^"osc\.udp:\/\/host:9000" was written with a user or password/],
    ["osc.tcp://user:se/secret@host:9000", /^"osc\.tcp:\/\/host:9000" was written with a user or password/],
  ])("%s", (text, message) => {
    expect(() => parseOscUrl(text)).toThrow(OscServerError);
    expect(() => parseOscUrl(text)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    expect(() => parseOscUrl(text)).toThrow(message);
  });

  test("whatever it is, with its own error and at once", () => {
    const likely = fc.array(
      fc.constantFrom("osc.tcp", "ws", "://", ":", "[", "::1", "]", "9000", "/", "?", "listen", "&", "framing=1.0", "%", " ", "é"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          likely.map((pieces) => pieces.join("")),
          fc.webUrl(),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          try {
            const url = parseOscUrl(text);
            expect(parseOscUrl(formatOscUrl(url))).toEqual(url);
          } catch (error) {
            expect(error).toBeInstanceOf(OscServerError);
          }
        },
      ),
    );
    expect(() => parseOscUrl(`${"[".repeat(100_000)}:`)).toThrow(OscServerError);
    expect(() => parseOscUrl("1:".repeat(100_000))).toThrow(OscServerError);
  });
});

test.each([
  "osc.udp://[::1]:9000/",
  "osc.tcp://host:1/?framing=1.0",
  "osc.udp://:9000/",
  "osc.unix:///tmp/osc.sock?framing=1.1&listen",
  "ws://host:80/osc?token=1",
  "wss://[::1]:443/",
])("formatOscUrl gives %s back", (text) => {
  expect(formatOscUrl(parseOscUrl(text))).toBe(text);
});

test.each(["", "2", "1.00", "auto"])("parseFraming refuses %j", (text) => {
  expect(() => parseFraming(text)).toThrow(/The framing must be 1\.0/);
});

describe("the URL of a WebSocket client", () => {
  test.each([
    ["http://Host/a?b", "ws://host/a?b"],
    ["wss://user:secret@host", "wss://user:secret@host/"],
    [new URL("https://[::1]:8443/"), "wss://[::1]:8443/"],
  ])("%s", (url, href) => {
    expect(websocketUrl(url)).toBe(href);
  });

  test.each([
    ["ws://host/", { address: "host", port: 80, family: "IPv4" }],
    ["wss://[::1]/", { address: "::1", port: 443, family: "IPv6" }],
    ["ws://127.0.0.1:8080/osc", { address: "127.0.0.1", port: 8080, family: "IPv4" }],
  ])("the server of %s", (url, server) => {
    expect(websocketServer(url)).toEqual(server);
  });
});

test.each([
  ["nats://user:se@c,r/e?t@a:4222,b:4222/stage?subject=x.>", "nats://a:4222,b:4222/stage?subject=x.>"],
  ["nats:/user:secret@host", "host"],
  ["user:secret@host:9000", "host:9000"],
  ["wss://host/osc?token=secret&key=secret&x", "wss://host/osc?token=***&key=***&x"],
  ["osc.tcp://host:1/?framing=1.0", "osc.tcp://host:1/?framing=1.0"],
  ["osc.unix:///tmp/a@b.sock", "osc.unix:///tmp/a@b.sock"],
  ["/hello@x", "/hello@x"],
])("maskSecrets(%j) is %j", (url, masked) => {
  expect(maskSecrets(url)).toBe(masked);
});
