/** Who may connect, how, and what is said where that fails. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { NatsExecutor, NatsLink, type NatsConnectionOptions, type NatsMessage, serveNats } from "../../src/nats/index.ts";
import { natsConnectionSettings } from "../../src/nats/options.ts";
import { AsyncOSCUDPServer } from "../../src/server/udp-servers.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

const never = { onError: (error: OscError): void => expect.fail(error.message) };

describe("the options of a connection", () => {
  test("have defaults, and extract users and passwords from URLs", () => {
    expect(natsConnectionSettings({})).toMatchObject({ servers: ["127.0.0.1:4222"], user: undefined, tls: null, maxUnconfirmed: 8192 });
    expect(natsConnectionSettings({ servers: ["nats://me:p%40ss@host:1", "[::1]", "other:2"] })).toMatchObject({
      servers: ["host:1", "[::1]:4222", "other:2"],
      user: "me",
      password: "p@ss",
    });
    expect(natsConnectionSettings({ servers: "tls://secret@host" })).toMatchObject({ servers: ["host:4222"], token: "secret", tls: {} });
  });

  const wrong: readonly NatsConnectionOptions[] = [
    { servers: [] },
    { servers: "http://host" },
    { servers: "nats://host/path" },
    { servers: "a b" },
    { user: "me" },
    { user: "me", password: "x", token: "y" },
    { maxUnconfirmed: 0 },
    { reconnectDelay: -1 },
  ];
  test.each(wrong)("%j are rejected", (options) => {
    expect(() => NatsExecutor.for(options)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test("that are rejected don't show a password", () => {
    for (const servers of ["http://me:secret@host", "nats://me:secret@a,nats://b", "nats://me:sec/secret@a/path", "me:secret@host:x"]) {
      expect(() => natsConnectionSettings({ servers })).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining("secret") }),
      );
    }
  });

  test.each([
    { delivery: "twice" },
    { order: "random" },
    { partitions: 1025 },
    { prefix: "a b" },
    { stream: { name: "a.b" } },
    { stream: { replicas: 6 } },
    { queue: "a b" },
    { kind: "magic" },
    { share: [2, 2] },
    { share: [0, 0] },
    { concurrency: 0 },
  ] as unknown as readonly NatsConnectionOptions[])("of a worker: %j are rejected", async (options) => {
    await expect(serveNats(new Dispatcher(), options)).rejects.toMatchObject({ code: "OSC_OPTION" });
  });
});

describeWithNats("a connection", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-nats-tls-"));
  const file = (name: string): string => join(folder, name);
  const pem = (what: string, text: string): string => `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
  const user = nkeys.createUser();
  const seed = new TextDecoder().decode(user.getSeed());
  let open: NatsServer;
  let secure: NatsServer;
  let named: NatsServer;
  let keyed: NatsServer;
  let tokened: NatsServer;

  beforeAll(async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", file("key.pem"), "-out", file("cert.pem"), ...subject],
      {
        stdio: "ignore",
      },
    );
    for (const [name, pair] of [
      ["user", user],
      ["stranger", nkeys.createUser()],
    ] as const) {
      const text = new TextDecoder().decode(pair.getSeed());
      writeFileSync(file(`${name}.creds`), `${pem("NATS USER JWT", "none")}\n${pem("USER NKEY SEED", text)}`);
    }
    [open, secure, named, keyed, tokened] = await Promise.all([
      NatsServer.start(),
      NatsServer.start(
        `tls { cert_file: "${file("cert.pem")}", key_file: "${file("key.pem")}", ca_file: "${file("cert.pem")}", verify: true }`,
      ),
      NatsServer.start(
        `authorization { users: [ { user: "me", password: "r1ght", permissions: { publish: ["osc.>", "_INBOX.>"], subscribe: ["osc_reply.>"] } } ] }`,
      ),
      NatsServer.start(`authorization { users: [ { nkey: "${user.getPublicKey()}" } ] }`),
      NatsServer.start(`authorization { token: "t0k3n" }`),
    ]);
  });
  afterAll(async () => {
    await Promise.all([open, secure, named, keyed, tokened].map((server) => server[Symbol.asyncDispose]()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function echoes(options: NatsConnectionOptions): Promise<void> {
    await using link = await NatsLink.open({ connectTimeout: 2000, ...options }, never);
    await link.flush();
    expect(link.isConnected).toBe(true);
  }

  test("with user and password, token, NKey, credentials file, and certificates on both sides", async () => {
    await echoes({ servers: named.url, user: "me", password: "r1ght" });
    await echoes({ servers: named.url.replace("//", "//me:r1ght@") });
    await echoes({ servers: tokened.url, token: "t0k3n" });
    await echoes({ servers: keyed.url, nkey: seed });
    await echoes({ servers: keyed.url, credentials: file("user.creds") });
    await echoes({ servers: secure.url, tls: { caFile: file("cert.pem"), certFile: file("cert.pem"), keyFile: file("key.pem") } });
  });

  test.each([
    ["a wrong password", () => ({ servers: named.url, user: "me", password: "wr0ng" }), "OSC_NATS_AUTH"],
    ["no password", () => ({ servers: named.url }), "OSC_NATS_AUTH"],
    ["a wrong token", () => ({ servers: tokened.url, token: "wr0ng" }), "OSC_NATS_AUTH"],
    ["credentials that the server does not know", () => ({ servers: keyed.url, credentials: file("stranger.creds") }), "OSC_NATS_AUTH"],
    ["credentials that are not there", () => ({ servers: keyed.url, credentials: file("none.creds") }), "OSC_NATS_AUTH"],
    ["a server that is not there", () => ({ servers: "127.0.0.1:1" }), "OSC_NATS_UNREACHABLE"],
    ["a name that nobody knows", () => ({ servers: "nowhere.invalid" }), "OSC_NATS_UNREACHABLE"],
    ["a certificate that nobody vouches for", () => ({ servers: secure.url, tls: true }), "OSC_NATS_TLS"],
    ["a server without TLS", () => ({ servers: open.url, tls: true }), "OSC_NATS_TLS"],
  ] as const)("%s is reported", async (_what, options, code) => {
    const opening = NatsLink.open({ connectTimeout: 2000, ...options() }, never);
    await expect(opening).rejects.toMatchObject({ code, message: expect.not.stringMatching(/wr0ng|r1ght|t0k3n/) });
    const server = new AsyncOSCUDPServer(["127.0.0.1", 0], new Dispatcher(), {
      executor: NatsExecutor.for({ connectTimeout: 2000, ...options() }),
    });
    await expect(server.createServeEndpoint()).rejects.toMatchObject({ code });
    // It may be tried again.
    await expect(server.createServeEndpoint()).rejects.toMatchObject({ code });
  });

  test("a forbidden subject and a server without JetStream are reported", async () => {
    const errors: OscError[] = [];
    const options = { servers: named.url, user: "me", password: "r1ght" };
    await using link = await NatsLink.open(options, { onError: (error) => errors.push(error) });
    link.publish("secret", new Uint8Array(1));
    await link.flush();
    await expect.poll(() => errors).toMatchObject([{ code: "OSC_NATS_PERMISSION" }]);
    await using bare = await NatsServer.start(`jetstream: disabled`);
    await expect(serveNats(new Dispatcher(), { servers: bare.url, delivery: "at-least-once" })).rejects.toMatchObject({
      code: "OSC_NATS_JETSTREAM",
    });
  });

  test("never exceeds its limits, and reports the result of each message", async () => {
    await using nats = await NatsServer.start();
    await using link = await NatsLink.open({ servers: nats.url, maxUnconfirmed: 3, reconnectDelay: 50 }, { onError: () => undefined });
    const came: NatsMessage[] = [];
    link.subscribe("a", null, (message) => void came.push(message));
    const settled: boolean[] = [];
    const publish = (size = 1): boolean => link.publish("a", new Uint8Array(size), { "X-Y": "z" }, "", (ok) => void settled.push(ok));
    expect([publish(), publish(), publish(), publish()]).toEqual([true, true, true, false]);
    expect(link.unconfirmed).toBe(3);
    await link.flush();
    await expect.poll(() => settled).toEqual([true, true, true]);
    expect(came.map(({ subject, status, reply }) => [subject, status, reply])).toEqual([1, 2, 3].map(() => ["a", 0, ""]));
    expect(came[0]?.header("X-Y")).toBe("z");
    await nats.restart();
    expect(publish()).toBe(link.isConnected);
  });
});
