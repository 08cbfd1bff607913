/** Who may do what: the configuration that docs/nats.md shows. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { serveNats } from "../../src/nats/index.ts";
import { TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

const page = readFileSync(new URL("../../docs/nats.md", import.meta.url), "utf8").replaceAll("\r\n", "\n");
const shown = /```text\n# users\.conf\n(authorization \{.*?^\})/ms.exec(page)?.[1] ?? "";

describeWithNats("a nats-server with the users of the page", () => {
  test.each(["at-most-once", "at-least-once"] as const)(
    "gives a front end and a worker the permissions they need, %s",
    async (delivery) => {
      expect(shown).toContain("permissions");
      await using nats = await NatsServer.start(shown);
      const all = { servers: nats.url, delivery, stream: { maxBytes: 2 ** 20 } } as const;
      const dispatcher = new Dispatcher();
      dispatcher.map("/where", () => ["/here"]);
      const complaints: string[] = [];
      await using front = await TestFrontEnd.start({ ...all, user: "front", password: "change-me-1" });
      await using worker = await serveNats(dispatcher, {
        ...all,
        user: "worker",
        password: "change-me-2",
        verifyRequest: (data) => data.length < 100,
        onError: (error) => complaints.push(error.code),
      });
      const client = front.client();
      for (let index = 0; index < 10; index++) client.say("/where");
      // Refused by the worker: at-least-once a dead letter, which it has to be allowed to publish.
      client.say("/where", ...Array.from({ length: 100 }, () => 0.5));
      await front.until(() => client.replies.length === 10 && worker.stats().received === 11);
      await front.until(() => worker.stats().rejected.unverified === 1);
      expect(await front.quiet()).toMatchObject({ handled: 11 });
      if (delivery === "at-least-once") await front.until(() => worker.stats().deadLettered === 1);
      expect(front.reported).toEqual([]);
      expect(complaints).toEqual(["OSC_REJECTED"]);
    },
  );

  test("rejects other clients", async () => {
    await using nats = await NatsServer.start(shown);
    await expect(TestFrontEnd.start({ servers: nats.url })).rejects.toMatchObject({ code: "OSC_NATS_AUTH" });
  });
});
