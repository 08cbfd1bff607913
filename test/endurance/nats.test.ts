/** A short form of `npm run endurance:nats`. */
import { expect, test } from "vitest";
import { NatsServer, describeWithNats } from "../nats/nats-server.ts";
import { endure } from "./nats.ts";

describeWithNats("at least once, with two of four workers killed and NATS away for a while", () => {
  test("every packet is handled", async () => {
    await using servers = await NatsServer.start();
    const account = await endure({ packets: 5000, outage: 200, servers, ackWait: 1000 });
    expect(account.lost).toEqual([]);
    expect(account.handled).toBe(5000);
    expect(account.fronts.map(({ received, handled, dropped }) => [received, handled, dropped])).toEqual([
      [2500, 2500, 0],
      [2500, 2500, 0],
    ]);
  }, 60_000);
});
