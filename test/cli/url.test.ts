import { describe, expect, test } from "vitest";
import { formatUrl, parseUrl } from "../../src/cli/url.ts";
import { UsageError } from "../../src/text/usage-error.ts";

describe("parseUrl reads", () => {
  test.each([
    ["osc.udp://example.org:9000/", "udp", "example.org", 9000, null],
    ["OSC.UDP://example.org:9000", "udp", "example.org", 9000, null],
    ["osc.udp://:9000/", "udp", null, 9000, null],
    ["osc.udp://[::1]:9000/", "udp", "::1", 9000, null],
    ["osc.tcp://10.0.0.5:3032/", "tcp", "10.0.0.5", 3032, null],
    ["osc.tcp://10.0.0.5:3032/?framing=1.0", "tcp", "10.0.0.5", 3032, "1.0"],
    ["osc.tcp://:3032?framing=1.1", "tcp", null, 3032, "1.1"],
    ["localhost:57120", "udp", "localhost", 57_120, null],
    [":57120", "udp", null, 57_120, null],
    ["57120", "udp", null, 57_120, null],
    ["0", "udp", null, 0, null],
    ["[fe80::1%eth0]:9000", "udp", "fe80::1%eth0", 9000, null],
  ] as const)("%s", (text, transport, host, port, framing) => {
    expect(parseUrl(text)).toEqual({ transport, host, port, framing });
  });
});

describe("parseUrl refuses", () => {
  test.each([
    ["osc.sctp://host:9000/", /begins with osc\.sctp:\/\/, which is not known/],
    ["http://host:9000/", /Use one of osc\.udp:\/\/ osc\.tcp:\/\//],
    ["localhost", /names no port/],
    ["", /names no port/],
    [":", /names no port/],
    ["host:port", /names no port/],
    ["osc.udp://host/", /names no port/],
    ["::1", /is an IPv6 address without a port.*\[::1\]:9000/],
    ["[::1]", /is an IPv6 address without a port/],
    ["host:65536", /port 65536; a port is a number from 0 to 65535/],
    ["[host]:9000", /something other than an IPv6 address/],
    ["a b:9000", /has a space/],
    ["osc.udp://host:9000/mixer/gain", /as in: osc\.udp:\/\/host:9000 \/mixer\/gain/],
    [":9000/mixer", /as in: :9000 \/mixer/],
    ["osc.tcp://host:9000/?framing=2", /1\.0 .* or 1\.1 .*got "2"/],
    ["osc.tcp://host:9000/?frame=1.0", /not known, frame/],
    ["osc.udp://host:9000/?framing=1.0", /only a stream has/],
  ])("%s", (text, message) => {
    expect(() => parseUrl(text)).toThrow(UsageError);
    expect(() => parseUrl(text)).toThrow(message);
  });
});

test.each(["osc.udp://[::1]:9000/", "osc.tcp://host:1/?framing=1.0", "osc.udp://:9000/"])("formatUrl gives %s back", (text) => {
  expect(formatUrl(parseUrl(text))).toBe(text);
});
