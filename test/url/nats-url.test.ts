import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscServerError } from "../../src/errors.ts";
import { formatNatsUrl, parseNatsUrl, formatEndpoint, parseEndpoint } from "../../src/url/nats-url.ts";
import { maskSecrets } from "../../src/url/secrets.ts";

const NOTHING = { transport: "nats", prefix: null, subjects: [], queue: null };

describe("parseNatsUrl reads", () => {
  test.each([
    ["nats://10.0.0.1:4222/stage", { servers: ["nats://10.0.0.1:4222"], prefix: "stage" }],
    ["nats://host", { servers: ["nats://host"] }],
    ["NATS://host/", { servers: ["nats://host"] }],
    ["tls://user:secret@one,two:4223/berlin.stage", { servers: ["tls://user:secret@one", "tls://two:4223"], prefix: "berlin.stage" }],
    [
      "nats://[::1]:4222/a?subject=a.*.b&subject=c.>&queue=q",
      { servers: ["nats://[::1]:4222"], prefix: "a", subjects: ["a.*.b", "c.>"], queue: "q" },
    ],
    ["nats://host?subject=a%2Eb", { servers: ["nats://host"], subjects: ["a.b"] }],
  ])("%s", (text, parts) => {
    expect(parseNatsUrl(text)).toEqual({ ...NOTHING, ...parts });
    expect(parseEndpoint(text)).toEqual(parseNatsUrl(text));
  });
});

test.each([
  ["nats://user:secret@one:1,two:2/a?subject=x.>&queue=q", "nats://one:1,two:2/a?subject=x.>&queue=q"],
  ["tls://one", "tls://one/"],
])("%s is shown without secrets", (text, shown) => {
  expect(formatNatsUrl(parseNatsUrl(text))).toBe(shown);
  expect(formatEndpoint(parseEndpoint(text))).toBe(shown);
  expect(maskSecrets(`to ${text}, and back`)).not.toMatch(/secret|token/);
});

test.each(["nats://u:se/cret@host/a/b", "nats://u:secr,et@host/a/b", "nats://u:s@cret@host/a/b", "nats://host,u:secret@other"])(
  "an error about %s shows no password",
  (text) => {
    expect(() => parseNatsUrl(text)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/cret|secr/) as string }));
  },
);

test("any text is a place or an error of ours, which shows no password", () => {
  const pieces = (...all: string[]): fc.Arbitrary<string> => fc.array(fc.constantFrom(...all)).map((some) => some.join(""));
  const scheme = fc.constantFrom("nats://", "tls://", "");
  const hosts = pieces("u:secret@", "host", ",", ":4222", "[::1]", "%", " ");
  const rest = pieces("/", "a.b", "?", "subject=", "&", "queue=", ">", "listen");
  fc.assert(
    fc.property(scheme, hosts, rest, (...parts) => {
      const text = parts.join("");
      try {
        const place = parseEndpoint(text);
        if (place.transport === "nats") expect(formatEndpoint(place)).not.toContain("secret");
      } catch (error) {
        if (!(error instanceof OscServerError)) throw error;
        if (parts[0] !== "") expect(error.message).not.toContain("secret");
      }
    }),
  );
});
