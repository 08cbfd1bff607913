import { type OscError, OscRejectedError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { type Limits, type ServerOptions, limitsOf } from "../../src/server/options.ts";
import type { Packet } from "../../src/server/executor.ts";
import type { Peer } from "../../src/transport/transport.ts";
import type { WorkerKind } from "../../src/server/pool/worker.ts";

/** A peer that remembers what it was sent. */
export class RecordingPeer implements Peer {
  readonly address: NetAddress;
  readonly paced: boolean = false;
  readonly sent: Uint8Array[] = [];
  settledCount = 0;

  constructor(port = 9000, address = "127.0.0.1") {
    this.address = { address, port, family: address.includes(":") ? "IPv6" : "IPv4" };
  }

  get key(): string {
    return `${this.address.address} ${this.address.port}`;
  }

  send(packet: Uint8Array): void {
    this.sent.push(packet);
  }

  settled(): void {
    this.settledCount += 1;
  }
}

export function packetOf(data: Uint8Array, peer: Peer = new RecordingPeer()): Packet {
  return { data, peer, asOf: Infinity, fresh: true };
}

export function limits(options: ServerOptions = {}): Limits {
  return limitsOf(options);
}

/** What an error is, in short: its code, and its reason or limit where it has one. */
export function nameOf(error: OscError): string {
  return error instanceof OscRejectedError ? `${error.code} ${error.reason}` : error.code;
}

/** Threads in these tests: one packet at a time, and times that fake timers reach. */
export const THREAD_KIND: Omit<WorkerKind, "start"> = {
  code: "OSC_THREAD_FAILED",
  noun: "worker thread",
  strategy: null,
  strictTiming: true,
  max: 4,
  min: 1,
  readyAtOnce: false,
  spare: 0,
  packetsAtOnce: 1,
  batches: true,
  packetsInAll: Infinity,
  packetTimeout: 1000,
  packetTimeoutOption: "threadTimeout",
  startTimeout: 5000,
  idleTimeout: 10_000,
  patience: 10,
  explainStart: (how) => `A worker thread did not start: ${how}.`,
};
