import type { OscMessage } from "../codec/index.ts";
import { OscTimeoutError } from "../errors.ts";
import { milliseconds, optionError, wholeNumber } from "./options.ts";
import { type PendingRequests, type ReplyFilter, replyTest } from "./pending-requests.ts";

/** How a reply is waited for. */
export interface RequestOptions {
  /** The address of the reply, or a pattern that it matches. Default: the address (pattern) of the request. */
  readonly replyTo?: string;
  /** Which of the messages with that address is the reply, for devices that tell replies apart by an argument. Default: the first. */
  readonly accept?: ReplyFilter;
  /** How long to wait after each sending, in milliseconds. Default 1,000. */
  readonly timeout?: number;
  /** How often to send again where no reply came in time. Default 0. */
  readonly retries?: number;
  /** The type tag string of the arguments, without its comma. Default: as inferred. */
  readonly types?: string;
  /** Gives up when it is aborted: the request is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a request needs of the client that makes it. */
export interface Requester {
  /** Where it goes, for the error message. */
  readonly target: string;
  bytes(): Uint8Array;
  send(packet: Uint8Array): Promise<void>;
  readonly requests: PendingRequests;
  /** Says that something waits, until the function that is returned is called. */
  waiting(): () => void;
}

/** Sends, waits for the reply, and sends again, as the options say. */
export async function requestReply(address: string, options: RequestOptions, requester: Requester): Promise<OscMessage> {
  const timeout = milliseconds("timeout", options.timeout, 1000);
  const retries = wholeNumber("retries", options.retries, 0, 0);
  if (timeout === 0) throw optionError("timeout is more than 0 milliseconds: no reply comes at once.");
  const { signal } = options;
  signal?.throwIfAborted();
  const packet = requester.bytes();
  const isReply = replyTest(address, options.replyTo, options.accept);
  const release = requester.waiting();
  // Before it is sent, for the reply may be here before the promise of the send is.
  const request = requester.requests.add(isReply);
  const abort = (): void => request.reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  let timesSent = 0;
  try {
    let sending: Promise<"sent"> | null = null;
    for (let attempt = 0; attempt <= retries; attempt += 1) {
      // What still waits for a connection is not sent a second time.
      sending ??= requester.send(packet).then(() => "sent" as const);
      if ((await Promise.race([request.reply, sending, request.within(timeout)])) === null) continue;
      sending = null;
      timesSent += 1;
      const reply = await request.within(timeout);
      if (reply !== null) return reply;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    requester.requests.remove(request);
    release();
  }
  const times = timesSent === 0 ? "not sent: there is no connection" : timesSent === 1 ? "sent once" : `sent ${timesSent} times`;
  throw new OscTimeoutError(
    `No reply ${options.replyTo ?? address} to ${address} came from ${requester.target} within ${timeout} ms (${times}): check that it runs and answers to the port that asks.`,
  );
}
