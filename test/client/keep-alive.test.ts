import { describe, expect, onTestFinished, test } from "vitest";
import { KEEP_ALIVE, type KeepAliveOptions, type KeepAliveSession, SimpleTCPClient, UDPClient } from "../../src/client/index.ts";
import { OscMessage } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { AsyncOSCTCPServer } from "../../src/server/index.ts";
import { JackHome } from "../interop/jack.ts";
import { RunningProgram, describeWith } from "../interop/programs.ts";
import { steadyPort } from "../steady-port.ts";
import { Reports, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";

/** The next events of a session, one after another. */
class Events {
  readonly seen: string[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(session: KeepAliveSession) {
    for (const event of ["alive", "lost"] as const) {
      session.on(event, () => {
        this.seen.push(event);
        for (const resume of this.#waiting.splice(0)) resume();
      });
    }
  }

  async atLeast(count: number): Promise<string[]> {
    while (this.seen.length < count) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    return this.seen;
  }
}

/** A mixing console that sends changes only to those who asked within the last moments, and answers /xinfo. */
class Console {
  readonly peer: Peer;
  /** Whether it answers at all. */
  isOn = true;
  readonly #subscribers = new Map<number, number>();

  constructor(peer: Peer, memoryMs: number) {
    this.peer = peer;
    peer.answerAll(({ address }, { from }) => {
      if (address === "/xremote") this.#subscribers.set(from.port, performance.now() + memoryMs);
      return address === "/xinfo" && this.isOn ? new OscMessage("/xinfo", ["127.0.0.1", "mock", "X32", "4.0"]) : null;
    });
    const changes = setInterval(() => this.#change(), 5);
    onTestFinished(() => clearInterval(changes));
  }

  #change(): void {
    for (const [port, until] of this.#subscribers) {
      if (performance.now() > until) this.#subscribers.delete(port);
      else void this.peer.say(new OscMessage("/ch/01/mix/fader", 0.5), port);
    }
  }
}

const QUICK = { ...KEEP_ALIVE.x32, every: 30, lostAfter: 400 } as const;

describe("keepAlive", () => {
  test("keeps a subscription that the device forgets, and leaves answers to the session", async () => {
    const console = new Console(await Peer.open(), 100);
    const client = udpClient(console.peer.port);
    const session = client.keepAlive(QUICK);
    const events = new Events(session);
    expect(session.state).toBe("waiting");
    const began = performance.now();
    let last = "";
    for await (const { address } of client.messages()) {
      last = address;
      // Long after a console that heard /xremote only once would have stopped.
      if (performance.now() - began > 500) break;
      expect(address).toBe("/ch/01/mix/fader");
    }
    expect(last).toBe("/ch/01/mix/fader");
    expect([session.state, events.seen]).toEqual(["alive", ["alive"]]);
  });

  test("tells when the device is lost and when it comes back, and subscribes again then", async () => {
    const peer = await Peer.open();
    const console = new Console(peer, 100);
    const client = udpClient(peer.port);
    const session = client.keepAlive({ ...QUICK, lostAfter: 120, first: new OscMessage("/notify", 1) });
    const events = new Events(session);
    await events.atLeast(1);
    console.isOn = false;
    expect(await events.atLeast(2)).toEqual(["alive", "lost"]);
    expect(session.state).toBe("lost");
    expect(peer.addresses.filter((address) => address === "/notify")).toHaveLength(1);
    console.isOn = true;
    expect(await events.atLeast(3)).toEqual(["alive", "lost", "alive"]);
    await expect.poll(() => peer.addresses.filter((address) => address === "/notify")).toHaveLength(2);
  });

  test("is lost without a first sign of life, too", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const session = client.keepAlive({ send: "/ping", every: 10, lostAfter: 60 });
    expect(await new Events(session).atLeast(1)).toEqual(["lost"]);
    await expect.poll(() => peer.addresses.length).toBeGreaterThan(2);
  });

  test("takes any message as a sign of life without expect, and passes it on", async () => {
    const peer = await Peer.open();
    peer.answerAll(() => new OscMessage("/meter", 1));
    const client = udpClient(peer.port);
    const session = client.keepAlive({ send: "/ping", every: 20 });
    await new Events(session).atLeast(1);
    expect((await client.messages().next()).value).toMatchObject({ address: "/meter" });
  });

  test("subscribes again after a reconnect", async () => {
    const seen: string[] = [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/notify", () => void seen.push("/notify"));
    dispatcher.map("/status", () => "/status.reply");
    const port = await steadyPort();
    const start = async (): Promise<AsyncOSCTCPServer> => {
      const server = new AsyncOSCTCPServer(["127.0.0.1", port], dispatcher);
      await server.createServeEndpoint();
      return server;
    };
    const server = await start();
    const client = new SimpleTCPClient("127.0.0.1", port, { reconnect: { minDelay: 1, maxDelay: 5 }, onError: () => undefined });
    onTestFinished(() => client.close());
    const session = client.keepAlive({ ...KEEP_ALIVE.supercollider, every: 20, lostAfter: 10_000 });
    await new Events(session).atLeast(1);
    expect(seen).toEqual(["/notify"]);
    await server.close();
    const again = await start();
    onTestFinished(() => again.close());
    await expect.poll(() => seen).toEqual(["/notify", "/notify"]);
    // What could not be sent meanwhile doesn't wait.
    expect(client.stats().unsent).toBe(0);
  });

  test("ends with stop() and with close()", async () => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    const [one, other] = [client.keepAlive({ send: "/one", every: 5 }), client.keepAlive({ send: "/other", every: 5 })];
    await expect.poll(() => peer.addresses).toContain("/one");
    one.stop();
    one.stop();
    const count = peer.addresses.filter((address) => address === "/one").length;
    await expect.poll(() => peer.addresses.filter((address) => address === "/other").length).toBeGreaterThan(10);
    expect(peer.addresses.filter((address) => address === "/one").length).toBeLessThanOrEqual(count + 1);
    await client.close();
    expect([one.state, other.state]).toEqual(["stopped", "stopped"]);
    expect(() => client.keepAlive("x32")).toThrow(expect.objectContaining({ code: "OSC_CLOSED" }));
  });

  test("reports a listener that throws, and stops calling one that was removed", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => message);
    const reports = new Reports();
    const client = udpClient(peer.port, { onError: reports.listener });
    const session = client.keepAlive({ send: "/ping", every: 10 });
    const removed = (): void => expect.fail("It was removed.");
    session.on("alive", removed).off("alive", removed);
    session.on("alive", () => {
      throw new RangeError("on purpose");
    });
    await reports.atLeast(1);
    expect(reports.codes).toEqual(["OSC_HANDLER_FAILED"]);
    expect(session.state).toBe("alive");
  });

  test("has profiles for devices, as data", () => {
    const client = udpClient(9);
    for (const name of Object.keys(KEEP_ALIVE) as (keyof typeof KEEP_ALIVE)[]) client.keepAlive(name).stop();
    const withPasscode: KeepAliveOptions = { ...KEEP_ALIVE.qlab, first: new OscMessage("/connect", "5678") };
    client.keepAlive(withPasscode).stop();
  });

  test.each([
    undefined,
    null,
    {},
    "x33",
    "toString",
    5,
    { send: "/a" },
    { every: 100 },
    { send: [], every: 100 },
    { send: 5, every: 100 },
    { send: "/a", every: 0 },
    { send: "/a", every: "100" },
    { send: "/a", every: 100, expect: "b" },
    { send: "/a", every: 100, lostAfter: 0 },
    { send: "/a", every: 100, interval: 1 },
  ])("rejects %o", (options) => {
    expect(() => udpClient(9).keepAlive(options as never)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

describeWith(
  [
    { name: "scsynth", install: "apt-get install supercollider-server" },
    { name: "jackd", install: "apt-get install jackd2" },
  ],
  "keepAlive with scsynth",
  () => {
    test("tells that scsynth was stopped and that it goes on", async () => {
      using jack = new JackHome("scsynth-session");
      const port = await steadyPort();
      await using server = new RunningProgram("scsynth", ["-u", String(port), "-D", "0", "-R", "0"], jack.environment);
      await server.line(/server ready/);
      await using client = new UDPClient("127.0.0.1", port, { for: "supercollider" });
      const session = client.keepAlive({ ...KEEP_ALIVE.supercollider, every: 100, lostAfter: 600 });
      const events = new Events(session);
      await events.atLeast(1);
      server.kill("SIGSTOP");
      await events.atLeast(2);
      server.kill("SIGCONT");
      expect(await events.atLeast(3)).toEqual(["alive", "lost", "alive"]);
      session.stop();
      await client.sendMessage("/quit");
      await server.ended;
    }, 60_000);
  },
);
