import { Client } from "../kinds/client.ts";
import { median, type Table } from "../suite/report.ts";
import { Deployment, verify } from "./deployment.ts";
import { BenchProcess } from "./process.ts";

interface Contestant {
  readonly name: string;
  readonly client: Client;
  readonly echoes: number;
  readonly p50: number[];
  readonly p99: number[];
  end(): Promise<void>;
}

const KINDS = ["async", "blocking", "threading", "forking", "forking, native"];

/** One round trip at a time; all servers run simultaneously and alternate. */
export async function echoTable({ rounds, echoes }: { readonly rounds: number; readonly echoes: number }): Promise<Table> {
  const forked = Math.ceil(echoes / 25);
  const contestants: Contestant[] = [];
  for (const name of KINDS)
    contestants.push(await local(name, name === "forking" ? forked : name === "forking, native" ? 5 * forked : echoes));
  for (const delivery of ["at-most-once", "at-least-once"] as const) {
    const deployment = await Deployment.start({ delivery }, 1);
    const end = (): Promise<void> => deployment[Symbol.asyncDispose]();
    contestants.push({ name: `NATS, ${delivery}`, client: deployment.client, echoes, p50: [], p99: [], end });
  }
  for (const { client, echoes: most } of contestants) if (most > 5 * forked) await client.echo(200); // warm
  for (let round = 0; round < rounds; round += 1) {
    for (const { client, echoes: most, p50, p99 } of contestants) {
      client.times.length = 0;
      await client.echo(most);
      const sorted = client.times.toSorted((a, b) => a - b);
      p50.push(sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN);
      p99.push(sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN);
    }
  }
  for (const contestant of contestants) await contestant.end();
  const least = median(contestants[0]?.p50 ?? []);
  return {
    title: "Echo: one round trip after another",
    note: `ms. "Added" is the difference to the median of the async server. Over NATS, client, front end, nats-server and one worker are separate processes. Forking starts a program for each message, so it was measured only ${rounds * forked} times, with native forks ${rounds * 5 * forked} times.`,
    columns: ["p50", "p99", "added"],
    rows: contestants.map(({ name, p50, p99 }) => ({
      name: name.startsWith("NATS") ? name : `oscine ${name}`,
      cells: [median(p50), median(p99), Math.max(0, median(p50) - least)],
    })),
  };
}

async function local(name: string, echoes: number): Promise<Contestant> {
  const [kind = "", variant] = name.split(", ");
  const server = await BenchProcess.ofKind(kind, variant === "native" ? { strategy: "auto" } : {});
  const client = await Client.to(server.port);
  await verify({ client });
  const end = async (): Promise<void> => {
    await client.close();
    await server[Symbol.asyncDispose]();
  };
  return { name, client, echoes, p50: [], p99: [], end };
}
