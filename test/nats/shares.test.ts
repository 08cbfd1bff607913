/** One client among others at a worker behind NATS. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { serveNats } from "../../src/nats/index.ts";
import { TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

describeWithNats("a worker behind NATS", () => {
  let nats: NatsServer;
  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  test("still answers others while the handlers of one client never end", async () => {
    const dispatcher = new Dispatcher();
    dispatcher.map("/never", () => new Promise<undefined>(() => undefined));
    dispatcher.map("/echo", (address, ...values) => [address, ...values]);
    const options = { servers: nats.url, prefix: "greedy" };
    await using worker = await serveNats(dispatcher, { ...options, concurrency: 8, closeTimeout: 0, onError: () => undefined });
    await using front = await TestFrontEnd.start(options);
    const greedy = front.client();
    for (let count = 0; count < 20; count += 1) greedy.say("/never");
    await front.until(() => worker.stats().received === 20);
    const answer = new Promise<Uint8Array>((resolve) => {
      front.protocol.packetReceived(encode(new OscMessage("/echo", [1])), {
        address: { address: "10.0.0.2", port: 9000, family: "IPv4" },
        send: resolve,
      });
    });
    expect(decode(await answer)).toMatchObject({ address: "/echo", args: [1] });
    expect(worker.stats()).toMatchObject({ handled: 1, inProgress: 20 });
  });
});
