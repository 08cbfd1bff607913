import { compilePattern } from "../address/index.ts";
import type { OscMessage } from "../codec/index.ts";
import { optionError, show } from "./options.ts";
import { startTimer } from "./timer.ts";

/** Decides whether a message whose address fits is the reply. */
export type ReplyFilter = (reply: OscMessage) => boolean;

/** A request that waits for its reply. */
export class PendingRequest {
  /** Resolves with the reply. */
  readonly reply: Promise<OscMessage>;
  readonly #fits: (message: OscMessage) => boolean;
  #resolve: (reply: OscMessage) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;

  constructor(fits: (message: OscMessage) => boolean) {
    this.#fits = fits;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // It may be rejected while nobody waits for it: while the request is being sent.
    this.reply.catch(() => undefined);
  }

  /** Takes the message if it is the reply. A filter that throws fails the request. */
  offer(message: OscMessage): "taken" | "left" | "failed" {
    try {
      if (!this.#fits(message)) return "left";
    } catch (error) {
      this.reject(error);
      return "failed";
    }
    this.#resolve(message);
    return "taken";
  }

  reject(reason: unknown): void {
    this.#reject(reason);
  }

  /** The reply, or `null` where it does not come within so many milliseconds. */
  async within(timeout: number): Promise<OscMessage | null> {
    let stop = (): void => undefined;
    const expired = new Promise<null>((resolve) => {
      stop = startTimer(timeout, () => resolve(null));
    });
    try {
      return await Promise.race([this.reply, expired]);
    } finally {
      stop();
    }
  }
}

/** The requests that wait for a reply, in the order in which they were made. */
export class PendingRequests {
  readonly #requests = new Set<PendingRequest>();

  get size(): number {
    return this.#requests.size;
  }

  add(fits: (message: OscMessage) => boolean): PendingRequest {
    const request = new PendingRequest(fits);
    this.#requests.add(request);
    return request;
  }

  remove(request: PendingRequest): void {
    this.#requests.delete(request);
  }

  /** Gives the message to the first request that takes it as its reply. False where none does. */
  settle(message: OscMessage): boolean {
    for (const request of this.#requests) {
      const answer = request.offer(message);
      if (answer === "left") continue;
      this.#requests.delete(request);
      if (answer === "taken") return true;
    }
    return false;
  }

  rejectAll(reason: unknown): void {
    for (const request of this.#requests) request.reject(reason);
    this.#requests.clear();
  }
}

/**
 * Which messages are the reply: those whose address is `replyTo` or matches it as a pattern, and that the filter lets pass.
 *
 * @throws OscServerError `OSC_OPTION` where `replyTo` was given and can match nothing
 */
export function replyTest(address: string, replyTo: string | undefined, accept: ReplyFilter | undefined): ReplyFilter {
  if (replyTo !== undefined) checkReplyTo(replyTo);
  const pattern = compilePattern(replyTo ?? address);
  // The same text first: an address may hold characters that mean something else in a pattern.
  const fits: ReplyFilter = (message) => message.address === pattern.pattern || pattern.matches(message.address);
  return accept === undefined ? fits : (message) => fits(message) && accept(message);
}

function checkReplyTo(replyTo: string): void {
  const problem = typeof replyTo === "string" && replyTo.startsWith("/") ? compilePattern(replyTo).problem : 'it begins with "/"';
  if (problem !== undefined) throw optionError(`replyTo is an address or an address pattern (${problem}); got ${show(replyTo)}.`);
}
