import type { NatsWorker, ServeNatsOptions } from "../nats/index.ts";
import { formatAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { asUsageLater } from "./endpoint.ts";
import { type Handlers, loadHandlers, printingHandlers } from "./handlers-module.ts";
import { NATS_HELP, NATS_OPTIONS, readNats } from "./nats-options.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";
import { describeTotals } from "./output.ts";

const KINDS = ["async", "threading", "forking"] as const;

const HELP = `Runs handlers for packets from "oscine serve --nats", alongside other workers on
this and other machines.

Usage: oscine work [handlers module] --nats URLS [options]

The module is the same as for "oscine serve"; without one, the worker prints
each message. Each packet goes to one worker in the queue. Replies go to the
client through the server that received the packet.

${NATS_HELP}
  --queue NAME      workers with this name share the packets (default oscine)
  --kind KIND       where handlers run: async, in the event loop (default);
                    threading, in worker threads; forking, in child processes
  --concurrency N   packets handled concurrently (default 64 for async, 32 for
                    threading, 8 for forking)
  --share I/N       with --order client and at-most-once: this is worker I of N,
                    counted from 0, and handles every Nth partition
  --ack-wait MS     with at-least-once: redelivers a packet if its worker is
                    silent for this long (default 30000)
  --max-deliver N   with at-least-once: attempts before a packet becomes a dead
                    letter (default 5)

NATS requires two packages:
  npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1

Messages go to standard output, everything else to standard error. Ctrl-C stops
the worker after running handlers finish, and prints the totals.

Examples:
  oscine work handlers.mjs --nats nats://127.0.0.1:4222
  oscine work handlers.mjs --nats nats://a:4222,nats://b:4222 --kind forking
  oscine work handlers.mjs --nats nats://a:4222 --delivery at-least-once`;

/** `oscine work` */
export const WORK: Command = { help: HELP, run: runWork };

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
    throw new UsageError('The NATS server is missing: add --nats, as in "oscine work handlers.mjs --nats nats://127.0.0.1:4222".');
  const { queue = "oscine" } = values;
  const kind = readChoice("kind", values.kind, KINDS);
  const handlers = module === undefined ? printingHandlers(session.out) : await loadHandlers(module);
  const worker = await startWorker(handlers, { ...nats, queue, kind, ...readLimits(values) }, session);
  const server = session.err.styled("bold", formatAddress(worker.serverAddress));
  const where = `${nats.prefix ?? "osc"}.>, queue ${queue}, ${nats.delivery ?? "at-most-once"}`;
  const what = module === undefined ? "prints each message" : `runs the handlers of ${module}`;
  session.err.line(`Working for NATS at ${server} (${where}): ${what}. Ctrl-C stops it.`);
  await Promise.race([aborted(session.stop), worker.closed]);
  await worker.close();
  session.err.line(session.err.styled("bold", describeTotals(worker.stats())));
  return EXIT.success;
}

async function startWorker({ dispatcher, module }: Handlers, options: ServeNatsOptions, session: Session): Promise<NatsWorker> {
  // The NATS packages are optional.
  const { serveNats } = await import("../nats/index.ts");
  const handlers = options.kind === "async" ? dispatcher : module;
  const { strictTiming } = dispatcher;
  return asUsageLater(() => serveNats(handlers, { ...options, strictTiming, onError: (error, client) => report(session, error, client) }));
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
    throw new UsageError(`--share must look like 0/3, the first of three workers; got "${text}".`);
  return [Number(index), Number(of)];
}
