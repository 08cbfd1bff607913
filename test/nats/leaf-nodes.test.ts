/** Several venues: the configuration that docs/nats.md shows, on this machine. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { type NatsWorker, type ServeNatsOptions, serveNats } from "../../src/nats/index.ts";
import { TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";
import { steadyPort } from "../steady-port.ts";

const page = readFileSync(new URL("../../docs/nats.md", import.meta.url), "utf8");

/** The lines of the page for one server: those about leaf nodes, with the port that is free here. */
function shown(name: "hub" | "berlin", port: number): string {
  const block = new RegExp(`\`\`\`text\\n# ${name}\\.conf\\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? "";
  const leafNodes = /^leafnodes \{.*?^\}/ms.exec(block)?.[0] ?? "";
  expect(leafNodes).toContain("7422");
  return leafNodes.replace("0.0.0.0", "127.0.0.1").replace("hub.example.org", "127.0.0.1").replace("7422", String(port));
}

describeWithNats("a hub and a venue with a leaf node", () => {
  const startHub = (port: number): Promise<NatsServer> => NatsServer.start(shown("hub", port), { domain: "hub" });

  /** The server of a venue, once the hub knows it. */
  async function startVenue(hub: NatsServer, port: number): Promise<NatsServer> {
    const venue = await NatsServer.start(shown("berlin", port), { domain: "berlin" });
    await Promise.all([hub, venue].map((server) => server.logged("Leafnode connection created")));
    return venue;
  }

  async function worker(options: ServeNatsOptions): Promise<NatsWorker> {
    const dispatcher = new Dispatcher();
    dispatcher.map("/where", () => ["/here"]);
    return serveNats(dispatcher, options);
  }

  test("at-most-once: prefers workers at the venue, and otherwise uses those at the hub", async () => {
    const port = await steadyPort();
    await using hub = await startHub(port);
    await using venue = await startVenue(hub, port);
    const far = await worker({ servers: hub.url });
    const near = await worker({ servers: venue.url });
    const front = await TestFrontEnd.start({ servers: venue.url });
    const client = front.client();
    for (let index = 0; index < 50; index++) client.say("/where");
    await front.until(() => client.replies.length === 50);
    expect([near.stats().handled, far.stats().handled]).toEqual([50, 0]);
    await near.close();
    await front.until(() => {
      if (front.stats.inProgress === 0 && far.stats().handled === 0) client.say("/where");
      return far.stats().handled > 0;
    });
    await front[Symbol.asyncDispose]();
    await far.close();
  });

  test("at-least-once: front ends and workers at the venue use the stream at the hub", async () => {
    const port = await steadyPort();
    await using hub = await startHub(port);
    await using venue = await startVenue(hub, port);
    const options: ServeNatsOptions = { delivery: "at-least-once", stream: { domain: "hub", maxBytes: 2 ** 20 } };
    await using front = await TestFrontEnd.start({ ...options, servers: venue.url });
    const client = front.client();
    for (let index = 0; index < 20; index++) client.say("/where");
    expect(await front.quiet()).toMatchObject({ handled: 20 });
    await using near = await worker({ ...options, servers: venue.url });
    await front.until(() => client.replies.length === 20);
    expect(near.stats()).toMatchObject({ received: 20, handled: 20, redelivered: 0 });
    await using far = await worker({ ...options, servers: hub.url });
    await near.close();
    client.say("/where");
    await front.until(() => client.replies.length === 21);
    expect(far.stats().handled).toBe(1);
  });
});
