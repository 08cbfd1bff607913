import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { bridge } from "../../src/bridge/index.ts";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { NatsLink } from "../../src/nats/connection.ts";
import type { NatsMessage } from "../../src/nats/connection.ts";
import { VIA_HEADER } from "../../src/nats/headers.ts";
import { NatsServer, describeWithNats } from "../nats/nats-server.ts";
import { Client, anywhere, bridged, receive, urlOf } from "./ends.ts";
import { steadyPort } from "../steady-port.ts";

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 2 });
const messages = (packets: readonly Uint8Array[]): unknown[] =>
  packets.map((packet) => decode(packet) as OscMessage).map(({ address, args }) => [address, ...args]);
const NATS = { reconnectDelay: 50 };

let server: NatsServer;
let prefixes = 0;

/** A prefix that no other test has. */
function freshPrefix(): string {
  prefixes += 1;
  return `t${prefixes}`;
}

/** Anyone in NATS who is no bridge. */
async function someone(subject: string): Promise<{ readonly link: NatsLink; readonly heard: NatsMessage[] }> {
  const link = await NatsLink.open({ servers: server.url }, { onError: () => undefined });
  onTestFinished(() => link.close(0));
  const heard: NatsMessage[] = [];
  link.subscribe(subject, null, (message) => heard.push(message));
  await link.flush();
  return { link, heard };
}

describeWithNats("a bridge and NATS", () => {
  beforeAll(async () => {
    server = await NatsServer.start();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("carries a burst over NATS byte for byte and in order, and each client receives its own replies", async () => {
    const place = `${server.url}/${freshPrefix()}`;
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const far = await bridged(place, urlOf("udp", receiver.address));
    const near = await bridged(anywhere("tcp-1.0"), place);
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect("tcp-1.0", near.from)));
    const burst = Array.from({ length: 300 }, (_, index) => encode(new OscMessage(`/burst/${index % 10}`, [index, "text"])));
    const bundle = encode(new OscBundle([new OscMessage("/b", 1)], new TimeTag(3, 4)));
    clients[0]?.say(...burst, bundle);
    clients[1]?.say(new OscMessage("/mine", 1));
    clients[2]?.say(new OscMessage("/mine", 2));
    await until(() => clients[0]?.packets.length === 301 && clients[1]?.packets.length === 1 && clients[2]?.packets.length === 1);
    expect(clients[0]?.packets.every((packet, index) => Buffer.compare(packet, burst[index] ?? bundle) === 0)).toBe(true);
    expect([messages(clients[1]?.packets ?? []), messages(clients[2]?.packets ?? [])]).toEqual([[["/mine", 1]], [["/mine", 2]]]);
    expect(near.stats()).toMatchObject({ forward: { received: 303, sent: 303, dropped: 0, loops: 0 }, back: { sent: 303 }, sessions: 3 });
    expect(far.stats()).toMatchObject({ forward: { received: 303, sent: 303 }, back: { received: 303, sent: 303 }, sessions: 3 });
    expect([...near.errors, ...far.errors]).toEqual([]);
  });

  test("publishes packets to the subjects of their addresses after applying rules", async () => {
    const prefix = freshPrefix();
    const { heard } = await someone(`${prefix}.>`);
    const near = await bridged(anywhere("udp"), `${server.url}/${prefix}`, {
      rules: [{ drop: "/secret" }, { rename: "/ch", to: "/mixer/ch" }, { maxRate: 0.001, match: "/mixer/ch/2" }],
    });
    const client = await Client.connect("udp", near.from);
    client.say(...["/ch/1", "/secret", "/ch/2", "/ch/2", "/ch/a b.c", "/end"].map((address) => new OscMessage(address)));
    await until(() => heard.some(({ subject }) => subject.endsWith(".end")));
    expect(heard.map(({ subject }) => subject.slice(prefix.length))).toEqual([".mixer.ch.1", ".mixer.ch.2", ".mixer.ch.a%20b%2Ec", ".end"]);
    expect(Buffer.compare(heard[0]?.data ?? Buffer.alloc(0), encode(new OscMessage("/mixer/ch/1")))).toBe(0);
    expect(near.stats().forward).toMatchObject({ filtered: 1 });
  });

  test("FROM subscribes to its subjects, with wildcards, and shares a queue", async () => {
    const prefix = freshPrefix();
    const receivers = await Promise.all([receive("udp"), receive("udp"), receive("udp")]);
    const [light, one, two] = receivers.map(({ address }) => urlOf("udp", address)) as [string, string, string];
    await bridged(`${server.url}/${prefix}?subject=${prefix}.light.>&subject=${prefix}.*.all`, light);
    for (const target of [one, two]) await bridged(`${server.url}/${prefix}?queue=q`, target);
    const { link } = await someone("nothing");
    for (const address of ["/light/1/dim", "/sound/1", "/sound/all"]) {
      link.publish(`${prefix}${address.replaceAll("/", ".")}`, encode(new OscMessage(address)));
    }
    await until(
      () => receivers[0]?.packets.length === 2 && (receivers[1]?.packets.length ?? 0) + (receivers[2]?.packets.length ?? 0) === 3,
    );
    expect(messages(receivers[0]?.packets ?? [])).toEqual([["/light/1/dim"], ["/sound/all"]]);
  });

  test("forwards packets on a target's subjects to all clients, but not those it published itself", async () => {
    const prefix = freshPrefix();
    const near = await bridged(anywhere("udp"), `${server.url}/${prefix}?subject=${prefix}.>`);
    const clients = await Promise.all([1, 2].map(() => Client.connect("udp", near.from)));
    for (const client of clients) client.say(new OscMessage("/here"));
    const { link } = await someone("nothing");
    await until(() => near.stats().forward.sent === 2);
    link.publish(`${prefix}.news`, encode(new OscMessage("/news", 7)));
    await until(() => clients.every(({ packets }) => packets.length === 1));
    expect(messages(clients[1]?.packets ?? [])).toEqual([["/news", 7]]);
    expect(near.stats()).toMatchObject({ back: { received: 1, sent: 2, loops: 0 } });
    expect(near.errors).toEqual([]);
  });

  test("answers a NATS request", async () => {
    const prefix = freshPrefix();
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    await bridged(`${server.url}/${prefix}`, urlOf("udp", receiver.address));
    const { link } = await someone("nothing");
    const { data } = await link.request(`${prefix}.status`, encode(new OscMessage("/status", 1)), {}, 5000);
    expect(decode(data)).toMatchObject({ address: "/status", args: [1] });
  });

  test.each(["elsewhere.x", "$SYS.x", "%", "_INBOX.x"])("never publishes a reply to %s", async (subject) => {
    const prefix = freshPrefix();
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(`${server.url}/${prefix}`, urlOf("udp", receiver.address));
    const { link, heard } = await someone(subject);
    link.publish(`${prefix}.a`, encode(new OscMessage("/a")), { "Oscine-Reply": subject });
    await until(() => relay.errors.length === 1);
    expect(relay.errors[0]).toMatchObject({ code: "OSC_NATS_NO_CLIENT", message: expect.stringContaining("has no reply subject") });
    expect(heard).toEqual([]);
  });

  test("sends nothing back and requests no reply if it is one way", async () => {
    const prefix = freshPrefix();
    const { link, heard } = await someone(`${prefix}.>`);
    const near = await bridged(anywhere("udp"), `${server.url}/${prefix}?subject=${prefix}.>`, { oneWay: true });
    const client = await Client.connect("udp", near.from);
    client.say(new OscMessage("/a"));
    await until(() => heard.length === 1);
    expect(heard[0]?.header("Oscine-Reply")).toBe("");
    link.publish(`${prefix}.b`, encode(new OscMessage("/b")));
    await until(() => heard.length === 2);
    await near.close();
    expect([client.packets, near.stats().back.received]).toEqual([[], 0]);
  });

  test("counts and reports a reply to a client that is gone", async () => {
    const prefix = freshPrefix();
    const { link, heard } = await someone(`${prefix}.>`);
    const near = await bridged(anywhere("tcp-1.1"), `${server.url}/${prefix}`);
    const client = await Client.connect("tcp-1.1", near.from);
    client.say(new OscMessage("/a"));
    await until(() => heard.length === 1);
    await client.wire.close();
    await until(() => near.stats().sessions === 0);
    link.publish(heard[0]?.header("Oscine-Reply") ?? "", encode(new OscMessage("/late")));
    await until(() => near.stats().back.dropped === 1);
    expect(near.errors.map(({ code }) => code)).toEqual(["OSC_NATS_NO_CLIENT"]);
  });

  test("drops a packet that is too large for NATS, but not the next one", async () => {
    const prefix = freshPrefix();
    const { heard } = await someone(`${prefix}.>`);
    const near = await bridged(anywhere("tcp-1.0"), `${server.url}/${prefix}`);
    const client = await Client.connect("tcp-1.0", near.from);
    client.say(new OscMessage("/large", new Uint8Array(1024 * 1024)), new OscMessage("/small"));
    await until(() => heard.length === 1 && near.stats().forward.sent === 1);
    expect(near.stats().forward).toMatchObject({ received: 2, dropped: 1 });
    expect(near.errors[0]?.message).toMatch(/max_payload/);
  });

  describe("loops", () => {
    test("two bridges between two prefixes forward a packet once", async () => {
      const [one, two] = [freshPrefix(), freshPrefix()];
      const { link, heard } = await someone(`*.round`);
      const first = await bridged(`${server.url}/${one}`, `${server.url}/${two}`);
      const second = await bridged(`${server.url}/${two}`, `${server.url}/${one}`);
      link.publish(`${one}.round`, encode(new OscMessage("/round")));
      // What was sent counts when NATS has confirmed it, which may be after it has come back.
      await until(() => first.stats().forward.loops === 1 && second.stats().forward.sent === 1);
      expect(heard.map(({ subject }) => subject)).toEqual([`${one}.round`, `${two}.round`, `${one}.round`]);
      expect(heard.map((message) => message.header(VIA_HEADER).split(",").filter(Boolean).length)).toEqual([0, 1, 2]);
      expect(first.errors).toContainEqual(expect.objectContaining({ code: "OSC_DROPPED", limit: "maxEchoes" }));
      expect(second.stats().forward).toMatchObject({ received: 1, sent: 1, loops: 0 });
    });

    test("a ring of UDP and NATS stops a packet after a few rounds, and forwards others", async () => {
      const place = `${server.url}/${freshPrefix()}`;
      const near = await bridged(anywhere("udp"), place, { oneWay: true });
      const far = await bridged(place, urlOf("udp", near.from), { oneWay: true });
      const client = await Client.connect("udp", near.from);
      client.say(new OscMessage("/round", 1));
      await until(() => near.stats().forward.loops + far.stats().forward.loops > 0);
      const { received } = near.stats().forward;
      expect(received).toBeLessThan(40);
      client.say(new OscMessage("/another", 2));
      await until(() => far.stats().forward.received > received);
    });

    test("rejects a bridge from a prefix to itself", async () => {
      const place = `${server.url}/${freshPrefix()}`;
      await expect(bridge(place, place)).rejects.toMatchObject({ code: "OSC_OPTION", message: expect.stringContaining("itself") });
    });
  });

  describe("while NATS is disconnected", () => {
    test("keeps the newest packets within limits", async () => {
      await using away = await NatsServer.start();
      const receiver = await receive("udp");
      const place = `${away.url}/osc`;
      const far = await bridged(place, urlOf("udp", receiver.address), { nats: NATS });
      const near = await bridged(anywhere("udp"), place, { nats: NATS, maxUnsent: 5 });
      const client = await Client.connect("udp", near.from);
      client.say(new OscMessage("/n", -1));
      // It counts as sent when the server has confirmed it, which may be after it has arrived.
      await until(() => receiver.packets.length === 1 && near.stats().forward.sent === 1);
      await away.stop();
      await until(() => near.errors.some(({ code }) => code === "OSC_NATS_DISCONNECTED"));
      for (let index = 0; index < 20; index += 1) client.say(new OscMessage("/n", index));
      await until(() => near.stats().forward.received === 21);
      expect(near.stats().forward).toMatchObject({ sent: 1, dropped: 15 });
      await away.restart();
      await until(() => near.stats().forward.sent === 6);
      expect(near.errors).toContainEqual(expect.objectContaining({ code: "OSC_DROPPED", limit: "maxUnsent" }));
      // Both sides are there again, and what waited went out, heard or not.
      await vi.waitUntil(
        () => {
          client.say(new OscMessage("/again"));
          return receiver.packets.some((packet) => Buffer.from(packet).includes("/again"));
        },
        { timeout: 10_000, interval: 20 },
      );
      expect(far.errors.map(({ code }) => code)).toContain("OSC_NATS_DISCONNECTED");
    });

    test("connects to a target that is unavailable at the start", async () => {
      await using late = await NatsServer.start();
      await late.stop();
      const near = await bridged(anywhere("udp"), `${late.url}/osc`, { nats: NATS });
      const client = await Client.connect("udp", near.from);
      client.say(new OscMessage("/early", 1));
      await until(() => near.stats().forward.received === 1);
      expect(near.errors.map(({ code }) => code)).toContain("OSC_NATS_UNREACHABLE");
      await late.restart();
      await until(() => near.stats().forward.sent === 1);
    });

    test("close() drops queued packets and stops connecting", async () => {
      const near = await bridged(anywhere("udp"), `nats://127.0.0.1:${await steadyPort()}/osc`);
      const client = await Client.connect("udp", near.from);
      client.say(new OscMessage("/never", 1));
      await until(() => near.stats().forward.received === 1);
      await near.close();
      expect(near.stats().forward).toMatchObject({ sent: 0, dropped: 1 });
    });

    test("rejects if the source can't be reached", async () => {
      await expect(bridge(`nats://127.0.0.1:${await steadyPort()}/osc`, ":9")).rejects.toMatchObject({ code: "OSC_NATS_UNREACHABLE" });
    });
  });
});

describe("a NATS URL", () => {
  test.each([
    ["nats://", /must name a NATS server/],
    ["nats://a,,b/osc", /must name a NATS server/],
    ["nats://user:secret@a/b/c", /^"nats:\/\/a\/b\/c" has a slash in its prefix: write b\.c\.$/],
    ["nats://a/osc?listen", /unknown option, listen/],
    ["nats://a/osc?subject=", /unknown option, subject/],
    ["nats://a/osc?subject=/mixer/*", /must be a NATS subject such as osc\.mixer\.>/],
    ["nats://a/osc?subject=a..b", /./],
    ["nats://a/a*", /prefix/],
    ["nats://a/osc_reply", /prefix/],
    ["nats://:x@:y/osc", /./],
  ])("can't be %s", async (place, message) => {
    await expect(bridge(":0", place)).rejects.toMatchObject({ code: "OSC_OPTION", message: expect.stringMatching(message) });
    await expect(bridge(place, ":9")).rejects.toMatchObject({ code: "OSC_OPTION", message: expect.stringMatching(message) });
  });
});
