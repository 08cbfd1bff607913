import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskSecrets, secretMask } from "../../src/url/secrets.ts";

describe("a URL that is shown", () => {
  test.each([
    ["http://user:hunter2@host:5678/a", "http://host:5678/a"],
    ["nats://user:hun/te@r2,@host", "nats://host"],
    ["ws://host/?token=hunter2&framing=1.0", "ws://host/?token=***&framing=1.0"],
    ["ws://host/?hunter2", "ws://host/?***"],
    ["ws://host/path;token=hunter2", "ws://host/path;token=***"],
    ["ws://host/#hunter2", "ws://host/#***"],
    ["osc.unix:///tmp/a@b#c", "osc.unix:///tmp/a@b#c"],
    ["osc.tcp://host?listen", "osc.tcp://host?listen"],
  ])("%s is shown as %s", (url, shown) => {
    expect(maskSecrets(url)).toBe(shown);
  });
});

describe("secrets that someone typed are masked wherever they turn up again", () => {
  const SECRET = "hunter2!";
  test.each([
    ["nats://user:hunter2!@host:4222", "cannot open 'nats://user:hunter2!@host:4222'"],
    ["--nats=nats://user:a,hunter2!@host,nats://b", 'cannot connect to "hunter2!@host"'],
    ["user:hunter2!@host:9", 'There is no command "user:hunter2!@host:9".'],
    ["http://user:hunter2!@host", "http://user:hunter2!@host/?HOST_INFO doesn't answer"],
    ["ws://host/?token=hunter2!", "No connection to ws://host/?token=hunter2!"],
    ["ws://host/path;token=hunter2!", "No connection to ws://host/path;token=hunter2!"],
    ["ws://host/?hunter2!", "got ws://host/?hunter2!"],
    ["ws://host/#hunter2!", "got ws://host/#hunter2!"],
  ])("%s", (word, message) => {
    expect(message).toContain(SECRET);
    expect(secretMask(["serve", word])(message)).not.toContain(SECRET);
  });

  test("in any place of a URL, as it is, in JSON and in a URL", () => {
    const secret = fc
      .string({ minLength: 6, maxLength: 20, unit: fc.constantFrom(...'abcXYZ019 ,/?"\\é@:%') })
      .filter((text) => text.trim().length >= 6);
    fc.assert(
      fc.property(secret, fc.constantFrom("nats://u:", "osc.udp://", "http://u:"), (password, start) => {
        const mask = secretMask([`${start}${password}@host:1/a`]);
        for (const text of [password, JSON.stringify(password), encodeURI(password), encodeURIComponent(password)]) {
          if (text.replaceAll('"', "").length >= 6) expect(mask(`it said ${start}${text}@host`)).not.toContain(text);
        }
      }),
    );
  });

  test("words without secrets change nothing", () => {
    const text = "Listening on 127.0.0.1:9000; mail to a@b.c; see osc.udp://host:1/?framing=1.0";
    expect(secretMask(["dump", "osc.udp://host:1/?framing=1.0", "/mixer/@a", "--quiet"])(text)).toBe(text);
  });
});
