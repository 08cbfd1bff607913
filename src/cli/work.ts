import type { NatsWorker, ServeNatsOptions } from "../nats/index.ts";
import { formatAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { type Handlers, loadHandlers } from "./handlers-module.ts";
import { NATS_HELP, NATS_OPTIONS, readNats } from "./nats-options.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";
import { printingHandlers } from "./printing-handlers.ts";
import { describeTotals } from "./totals.ts";
import { asUsageLater } from "./url.ts";

type Kind = "async" | "threading" | "forking";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["async", "async"],
  ["threading", "threading"],
  ["forking", "forking"],
]);

const HELP = `Handles what front ends ("oscine serve --nats") receive, beside other workers on this machine and others.

Usage: oscine work [handlers module] --nats URLS [options]

The module is the one that "oscine serve" takes; without one each message is printed. Each packet goes to one worker of its queue, and
replies go back to the client through the front end that received the packet.

${NATS_HELP}
  --queue NAME      the name that workers share among whom packets are spread (default oscine)
  --kind KIND       where handlers run: async, in the event loop (default); threading, each packet in a thread of its own; forking, each in a
                    process of its own
  --concurrency N   how many packets are handled at once (default 64 for async, 32 for threading, 8 for forking)
  --share I/N       with --order client and at-most-once: this is worker I of N, counted from 0, and has every Nth partition
  --ack-wait MS     with at-least-once: how long a worker may be silent about a packet before another gets it (default 30000)
  --max-deliver N   with at-least-once: how often a packet is tried before it becomes a dead letter (default 5)

Needs the packages of NATS: npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1. Messages go to standard output, errors to
standard error. Ctrl-C ends it when the handlers that have begun have ended, and shows the totals.

Examples:
  oscine work handlers.js --nats nats://127.0.0.1:4222
  oscine work handlers.js --nats nats://a:4222,nats://b:4222 --kind forking --concurrency 4 --delivery at-least-once`;

/** `oscine work` */
export const WORK: Command = {
  name: "work",
  summary: "handles what servers on other machines receive, by way of NATS",
  help: HELP,
  run: runWork,
};

async function runWork(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("work", words, {
    ...NATS_OPTIONS,
    queue: { type: "string" },
    kind: { type: "string", default: "async" },
    concurrency: { type: "string" },
    share: { type: "string" },
    "ack-wait": { type: "string" },
    "max-deliver": { type: "string" },
  });
  if (positionals.length > 1) throw new UsageError(`work takes one handlers module; got ${positionals.length}: ${positionals.join(" ")}`);
  const [module] = positionals;
  const nats = readNats(values);
  if (nats === null)
    throw new UsageError(
      'Where NATS is, is missing: write --nats nats://host:4222, as in "oscine work handlers.js --nats nats://127.0.0.1:4222".',
    );
  const { queue = "oscine" } = values;
  const kind = readChoice("kind", values.kind, KINDS);
  const handlers = module === undefined ? printingHandlers(session.out) : await loadHandlers(module);
  const worker = await startWorker(handlers, { ...nats, queue, kind, ...readLimits(values) }, session);
  const place = formatAddress(worker.serverAddress);
  const what = `${nats.prefix ?? "osc"}.>, queue ${queue}, ${nats.delivery ?? "at-most-once"}`;
  session.out.line(
    `Working for NATS at ${session.out.styled("bold", place)} (${what}): ${module ?? "each message is printed"}. Ctrl-C ends it.`,
  );
  await Promise.race([aborted(session.stop), worker.closed]);
  await worker.close();
  session.out.line(session.out.styled("bold", describeTotals(worker.stats())));
  return EXIT.success;
}

async function startWorker({ dispatcher, module }: Handlers, options: ServeNatsOptions, session: Session): Promise<NatsWorker> {
  // Who does not ask for NATS need not have its packages.
  const { serveNats } = await import("../nats/index.ts");
  const where = options.kind === "async" ? dispatcher : module;
  const { strictTiming } = dispatcher;
  return asUsageLater(() => serveNats(where, { ...options, strictTiming, onError: (error, client) => report(session, error, client) }));
}

interface LimitWords {
  readonly concurrency?: string | undefined;
  readonly share?: string | undefined;
  readonly "ack-wait"?: string | undefined;
  readonly "max-deliver"?: string | undefined;
}

function readLimits(words: LimitWords): ServeNatsOptions {
  const { concurrency, share, "ack-wait": ackWait, "max-deliver": maxDeliver } = words;
  const number = (name: string, text: string): number => readNumberOption(name, text, { least: 1, whole: true });
  return {
    ...(concurrency === undefined ? {} : { concurrency: number("concurrency", concurrency) }),
    ...(share === undefined ? {} : { share: readShare(share) }),
    ...(ackWait === undefined ? {} : { ackWait: number("ack-wait", ackWait) }),
    ...(maxDeliver === undefined ? {} : { maxDeliver: number("max-deliver", maxDeliver) }),
  };
}

function readShare(text: string): [index: number, of: number] {
  const [, index, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  if (index === undefined || of === undefined)
    throw new UsageError(`--share is such as 0/3, for the first of three workers; got "${text}".`);
  return [Number(index), Number(of)];
}
