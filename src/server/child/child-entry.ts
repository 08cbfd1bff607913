/**
 * A child process of a pool. It is loaded before the program's entry script, which the process then runs up to the constructor of its
 * server; or, where handlers come from a module, it is what the process runs. In any other process it does nothing.
 */
import { readSync, writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import {
  ANSWERS_FD,
  CHILD_KEY,
  type ChildInit,
  type ForkingInit,
  type FromChild,
  PACKETS_FD,
  type PacketFrame,
  decodePacketFrame,
  encodeAnswer,
} from "./child-frames.ts";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import { packError } from "../crossing/error-transfer.ts";
import { encodeParts } from "./fork-frames.ts";
import { Zygote } from "./fork-zygote.ts";
import type { PacketResult } from "../../packet-result.ts";
import { writeOutputAtOnce } from "../crossing/sync-output.ts";
import { type WorkerService, becomeWorker } from "../pool/worker-role.ts";
import { serviceOfModule } from "../pool/worker-service.ts";

const init = process.env[CHILD_KEY];
if (init !== undefined && isMainThread) {
  delete process.env[CHILD_KEY];
  begin(JSON.parse(init) as ChildInit);
}

function begin({ program, limits, forking }: ChildInit): void {
  writeOutputAtOnce();
  process.execArgv = [...program.execArgv];
  const worker = {
    role: "process" as const,
    target: program.kind === "entry" ? program.target : null,
    addresses: program.kind === "entry" ? program.addresses : [],
    loading: true,
    serve: serveBlocked,
    shutdown: () => {
      tell({ type: "shutdown" });
    },
  };
  if (forking !== null) {
    const zygote = zygoteOrEnd(forking);
    worker.serve = (service) => zygote.serve(service);
    worker.shutdown = () => zygote.tell({ type: "shutdown" });
  }
  becomeWorker(worker);
  if (program.kind === "entry") return;
  serviceOfModule(program.url, limits, worker, forking === null ? "async" : "sync")
    .then((service) => (forking === null ? serveInEventLoop(service) : worker.serve(service)))
    .catch((error: unknown) => endUnusable(error, forking !== null));
}

function zygoteOrEnd(init: ForkingInit): Zygote {
  try {
    return new Zygote(init);
  } catch (error) {
    return endUnusable(error, true);
  }
}

function endUnusable(error: unknown, isZygote: boolean): never {
  const answer = { type: "unusable", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) } as const;
  if (isZygote) for (const part of encodeParts(0, encodeAnswer(answer))) writeSync(ANSWERS_FD, part);
  else tell(answer);
  process.exit(1);
}

function serveBlocked(service: WorkerService): never {
  tell({ type: "ready", strictTiming: service.strictTiming });
  for (let body = readFrame(); body !== null; body = readFrame()) {
    settle(handle(service, decodePacketFrame(body)) as PacketResult);
  }
  process.exit(0);
}

/** Reads by the event loop, which handlers may need. There is never more than one packet here. */
async function serveInEventLoop(service: WorkerService): Promise<void> {
  const { Socket } = await import("node:net");
  const packets = new Socket({ fd: PACKETS_FD, readable: true, writable: false });
  const frames = new LengthPrefixDecoder({
    maxPacketSize: 0x7fffffff,
    onPacket: (body) => {
      const outcome = handle(service, decodePacketFrame(Buffer.from(body)));
      if (outcome instanceof Promise) void outcome.then(settle);
      else settle(outcome);
    },
    onError: (error) => {
      throw error;
    },
  });
  packets.on("data", (piece) => frames.push(piece));
  packets.on("close", () => process.exit(0));
  packets.on("error", () => process.exit(0));
  tell({ type: "ready", strictTiming: service.strictTiming });
}

function handle(service: WorkerService, { data, client, asOf }: PacketFrame): PacketResult | Promise<PacketResult> {
  return service.run(data, client, asOf, {
    reply: (reply) => tell({ type: "reply", data: reply }),
    report: (error) => tell({ type: "report", error: packError(error) }),
  });
}

function settle(outcome: PacketResult): void {
  tell({ type: "settled", outcome: outcome.kind === "rejected" ? packError(outcome.explain()) : null });
}

/** Waits for a frame, blocked. Null where the server has no more for this process, or is gone. */
function readFrame(): Buffer | null {
  const size = readExactly(4);
  return size === null ? null : readExactly(size.readUInt32BE(0));
}

function readExactly(size: number): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let filled = 0; filled < size;) {
    const count = readSync(PACKETS_FD, bytes, filled, size - filled, null);
    if (count === 0) return null;
    filled += count;
  }
  return bytes;
}

function tell(answer: FromChild): void {
  const frame = encodeAnswer(answer);
  try {
    for (let written = 0; written < frame.length;) written += writeSync(ANSWERS_FD, frame, written);
  } catch {
    // The server is gone, and nobody is left to work for.
    process.exit(1);
  }
}
