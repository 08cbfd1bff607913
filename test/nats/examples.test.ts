/** examples/nats-front-end.ts and examples/nats-worker.ts, as their readers run them. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RunningProgram } from "../interop/programs.ts";
import { Correspondent, openWire } from "../shared/wire.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

const run = (name: string, ...args: readonly string[]): RunningProgram =>
  new RunningProgram(process.execPath, ["--import", "tsx", fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url)), ...args]);

describeWithNats("the examples of NATS", () => {
  test("a front end and two workers answer and stop on request", async () => {
    await using nats = await NatsServer.start();
    await using front = run("nats-front-end", "0", nats.url);
    const workers = [run("nats-worker", nats.url), run("nats-worker", nats.url)];
    await Promise.all(workers.map((worker) => worker.line(new RegExp(`^Working for 127.0.0.1:${nats.port}$`))));
    const [, port] = await front.line(/^Receiving on port (\d+)$/);
    const client = new Correspondent(await openWire("udp", { address: "127.0.0.1", port: Number(port), family: "IPv4" }));
    expect(await client.ask("/sum", 1, 2, 39)).toEqual(["/sum", 42]);
    for (const program of [...workers, front]) program.kill("SIGINT");
    await Promise.all([...workers, front].map((program) => program.ended));
    await client.wire.close();
  });
});
