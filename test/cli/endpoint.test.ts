import { describe, expect, test } from "vitest";
import { boundUrl, parseUrl } from "../../src/cli/endpoint.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { formatOscUrl } from "../../src/url/osc-url.ts";

describe("a word that isn't a URL is a usage error", () => {
  test.each([
    ["localhost", /names no port/],
    ["osc.sctp://host:9000/", /unknown scheme osc\.sctp/],
    ["osc.tcp://:9000/?listen", /oscine bridge/],
    ["\u001b[31m", /\\u001b\[31m/],
  ])("%j", (text, message) => {
    expect(() => parseUrl(text)).toThrow(UsageError);
    expect(() => parseUrl(text)).toThrow(message);
  });
});

test.each([
  [":0", { address: "0.0.0.0", port: 9000 }, "osc.udp://0.0.0.0:9000/"],
  ["osc.unix:///tmp/a.sock", { address: "/tmp/a.sock", port: 0 }, "osc.unix:///tmp/a.sock"],
  ["ws://:0/osc", { address: "::", port: 80 }, "ws://[::]:80/osc"],
])("%s, bound, is the URL to send to", (text, bound, url) => {
  expect(formatOscUrl(boundUrl(parseUrl(text), bound))).toBe(url);
});
