import { OscDecodeError, type OscDecodeErrorCode } from "../errors.ts";
import { bad, DEEPEST_NESTING, limit, MAX_ARGUMENTS, MAX_NESTING, MAX_PACKET_SIZE } from "./options.ts";
import { exchangeStackTraceLimit, stackTracesLeftOut } from "../stack-traces.ts";

/** How packets are decoded. */
export interface DecodeOptions {
  /**
   * `true` refuses every packet that departs from OSC 1.0, by throwing. Default `false`: what real programs send is read as they mean it,
   * and each departure is recorded in `errors` of the message or bundle concerned.
   */
  readonly strict?: boolean;
  /** `true` copies blobs into memory of their own. Default `false`: a blob is a view of the packet's bytes, and changes with them. */
  readonly copyBlobs?: boolean;
  /** How many levels bundles, and arrays, may nest. Default 32; more than 1,000 counts as 1,000, which keeps the stack safe. */
  readonly maxNesting?: number;
  /** The largest packet, in bytes; a larger one is refused. Default 16,777,216 (16 MiB). */
  readonly maxPacketSize?: number;
  /**
   * How many values a packet may decode to: its arguments, each array and its contents, and the elements of its bundles. A message beyond that
   * is refused before it is built. Default 65,536.
   */
  readonly maxArguments?: number;
}

/** How many faults of one packet are recorded. Errors cost far more than the bytes that cause them. */
const MAX_FAULTS = 32;

/** The options while a packet is read, where the reading stands, and what it found. */
export class Reading {
  /** The offset after what was read last. */
  position = 0;
  /** The faults of the message or bundle that is being read. */
  errors: OscDecodeError[] | undefined;
  /** True if what the message or bundle says doesn't give its bytes back: they are kept. */
  keepsBytes = false;
  /** True if there was a fault since {@link mark}. */
  isFaulty = false;
  /** True if the rest of a packet isn't read because of its many bad elements. */
  exhausted = false;
  strict = false;
  copyBlobs = false;
  maxNesting: number = MAX_NESTING;
  maxPacketSize: number = MAX_PACKET_SIZE;
  /** How many values the packet may still decode to. */
  argumentsLeft: number = MAX_ARGUMENTS;
  maxArguments: number = MAX_ARGUMENTS;
  #faultsLeft = MAX_FAULTS;
  #marked = 0;
  /** A copy of the whole packet, of which all that keeps its bytes has a view. */
  #copy: Uint8Array | undefined;

  /** Makes ready for a packet. Whatever the getters of the options do has happened before anything is changed here. */
  begin(options: DecodeOptions | undefined): void {
    let strict = false;
    let copyBlobs = false;
    let maxNesting = MAX_NESTING;
    let maxPacketSize = MAX_PACKET_SIZE;
    let maxArguments = MAX_ARGUMENTS;
    if (options !== undefined) {
      strict = flag(options.strict, "strict");
      copyBlobs = flag(options.copyBlobs, "copyBlobs");
      maxNesting = Math.min(limit(options.maxNesting, "maxNesting", MAX_NESTING), DEEPEST_NESTING);
      maxPacketSize = limit(options.maxPacketSize, "maxPacketSize", MAX_PACKET_SIZE);
      maxArguments = limit(options.maxArguments, "maxArguments", MAX_ARGUMENTS);
    }
    this.strict = strict;
    this.copyBlobs = copyBlobs;
    this.maxNesting = maxNesting;
    this.maxPacketSize = maxPacketSize;
    this.maxArguments = maxArguments;
    this.argumentsLeft = maxArguments;
    this.exhausted = false;
    this.#faultsLeft = MAX_FAULTS;
    this.#copy = undefined;
  }

  /** Records a fault that can be read past; throws it if strict. */
  fault(code: OscDecodeErrorCode, message: string, offset: number): void {
    this.keepsBytes = true;
    this.isFaulty = true;
    if (this.strict) throw decodeError(code, message, offset);
    if (this.#faultsLeft > 0) this.#record(decodeError(code, message, offset));
  }

  /** Records why an element of the bundle couldn't be read; throws it if strict. */
  dropElement(error: unknown, offset: number): void {
    if (this.strict || !(error instanceof OscDecodeError)) throw error;
    this.keepsBytes = true;
    if (this.#faultsLeft > 0) {
      this.#record(error);
    } else {
      this.exhausted = true;
      this.#record(decodeError("OSC_BAD_BUNDLE", `The packet has more than ${MAX_FAULTS} faults; from here on it was not read`, offset));
    }
  }

  /** Remembers the faults so far, for {@link isFaulty} and {@link forgetFaults}. */
  mark(): void {
    this.isFaulty = false;
    this.#marked = this.errors?.length ?? 0;
  }

  /** Takes back the faults of the message since {@link mark}. */
  forgetFaults(): void {
    const { errors } = this;
    if (errors === undefined) return;
    this.#faultsLeft += errors.length - this.#marked;
    errors.length = this.#marked;
  }

  /**
   * Counts values before they are built.
   *
   * @throws OscDecodeError if the packet has more than it may
   */
  count(values: number, offset: number): void {
    if (values > this.argumentsLeft) {
      throw decodeError("OSC_TOO_MANY_ARGUMENTS", `The packet decodes to more values than maxArguments, ${this.maxArguments}`, offset);
    }
    this.argumentsLeft -= values;
  }

  /** The bytes of a message or bundle, if what it says doesn't give them back. They don't change with the packet. */
  rawBytes(packet: Uint8Array, start: number, end: number): Uint8Array | undefined {
    if (!this.keepsBytes) return undefined;
    this.#copy ??= new Uint8Array(packet);
    return this.#copy.subarray(start, end);
  }

  #record(error: OscDecodeError): void {
    this.#faultsLeft -= 1;
    (this.errors ??= []).push(error);
  }
}

/** An error of the decoder, with a stack trace unless those are left out. */
export function decodeError(code: OscDecodeErrorCode, message: string, offset: number): OscDecodeError {
  const before = stackTracesLeftOut() ? exchangeStackTraceLimit(0) : undefined;
  const error = new OscDecodeError(code, message, offset);
  exchangeStackTraceLimit(before);
  return error;
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || typeof value === "boolean") return value === true;
  throw bad(name, "true or false", value);
}
