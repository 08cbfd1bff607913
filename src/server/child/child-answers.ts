import type { Readable } from "node:stream";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import type { OscRejectedError } from "../../errors.ts";
import { HANDLED, type PacketResult, rejected } from "../../packet-result.ts";
import { type PackedError, unpackError } from "../crossing/error-transfer.ts";
import type { PoolWorkerEvents } from "../pool/pool-worker.ts";
import { timingDiffers } from "../pool/program.ts";
import { ANSWERS_FD, type FromChild } from "./child-frames.ts";

const MAX_FRAME = 0x7fffffff;

/** A decoder of what children write, however much that is. */
export function frameDecoder(onFrame: (body: Uint8Array) => void, onNonsense: (what: string) => void): LengthPrefixDecoder {
  return new LengthPrefixDecoder({
    maxPacketSize: MAX_FRAME,
    onPacket: onFrame,
    onError: ({ message }) => onNonsense(`something wrote to its file descriptor ${ANSWERS_FD}, which is the server's: ${message}`),
  });
}

/** Reads frames from a pipe until it ends. */
export function readFrames(pipe: Readable, onFrame: (body: Uint8Array) => void, onNonsense: (what: string) => void): void {
  const frames = frameDecoder(onFrame, onNonsense);
  pipe.on("data", (piece: Uint8Array) => {
    try {
      frames.push(piece);
    } catch (error) {
      onNonsense(`something wrote to its file descriptor ${ANSWERS_FD}, which is the server's: ${String(error)}`);
    }
  });
  // A pipe whose process has ended; its end tells the rest.
  pipe.on("error", () => undefined);
}

/** Tells a pool what a child says of the one packet that it has, and how the child ended. */
export class ChildAnswers {
  readonly #events: PoolWorkerEvents;
  readonly #strictTiming: boolean;
  /** The packet that it handles; there is one at most. */
  packetId = -1;
  /** Why it ends, where more is known than how. */
  reason: string | null = null;

  constructor(events: PoolWorkerEvents, strictTiming: boolean) {
    this.#events = events;
    this.#strictTiming = strictTiming;
  }

  answer(answer: FromChild): void {
    const events = this.#events;
    switch (answer.type) {
      case "ready":
        if (answer.strictTiming !== this.#strictTiming) events.fault(timingDiffers(answer.strictTiming));
        return events.ready();
      case "reply":
        return events.reply(this.packetId, answer.data);
      case "report":
        return events.report(this.packetId, unpackError(answer.error));
      case "settled":
        return events.settle(this.packetId, resultOf(answer.outcome));
      case "shutdown":
        return events.shutdown();
      case "unusable":
        this.reason = answer.reason;
    }
  }

  ended(how: string): void {
    this.#events.ended(this.reason ?? how);
  }
}

function resultOf(refusal: PackedError | null): PacketResult {
  if (refusal === null) return HANDLED;
  const error = unpackError(refusal) as OscRejectedError;
  return rejected(error.reason, () => error);
}
