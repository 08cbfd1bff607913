import { describe, expect, test } from "vitest";
import { isOriginAllowed } from "../../src/transport/origin.ts";

const SERVERS = ["127.0.0.1", "::1", "::ffff:127.0.0.1"];

describe.each(SERVERS)("a server on loopback, at %s", (localAddress) => {
  const host = "127.0.0.1:8080";

  test.each([
    "http://localhost:5173",
    "http://127.0.0.1:5173",
    "http://127.0.0.2:5173",
    "http://[::1]:5173",
    "http://app.localhost:5173",
    "https://localhost",
    "http://localhost",
  ])("lets in a page of %s", (origin) => {
    expect(isOriginAllowed({ origin, host, localAddress }, [])).toBe(true);
  });

  test.each([
    "https://evil.example",
    "http://localhost.evil.example:8080",
    "http://127.0.0.1.evil.example:8080",
    "http://evillocalhost:5173",
    "http://192.168.0.5:8080",
    "http://[::ffff:192.168.0.5]:8080",
    "file://",
    "null",
    "localhost:5173",
    "",
  ])("refuses a page of %j", (origin) => {
    expect(isOriginAllowed({ origin, host, localAddress }, [])).toBe(false);
  });
});

describe("a server on the network", () => {
  const localAddress = "192.168.0.2";
  const host = "192.168.0.2:8080";

  test.each(["http://localhost:5173", "http://127.0.0.1:8080", "http://192.168.0.2:5173"])("refuses a page of %s", (origin) => {
    expect(isOriginAllowed({ origin, host, localAddress }, [])).toBe(false);
  });

  test("lets in pages that it serves itself, and listed ones", () => {
    expect(isOriginAllowed({ origin: "http://192.168.0.2:8080", host, localAddress }, [])).toBe(true);
    expect(isOriginAllowed({ origin: "http://192.168.0.2:5173", host, localAddress }, ["http://192.168.0.2:5173"])).toBe(true);
    expect(isOriginAllowed({ origin: "https://Stage.example", host, localAddress }, ["https://stage.example"])).toBe(true);
    expect(isOriginAllowed({ origin: "https://evil.example", host, localAddress }, ["*"])).toBe(true);
  });
});

test("a program that sends no origin is let in", () => {
  expect(isOriginAllowed({ origin: undefined, host: undefined, localAddress: "192.168.0.2" }, [])).toBe(true);
});
