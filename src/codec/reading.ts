import { OscDecodeError, type OscDecodeErrorCode } from "../errors.ts";
import { bad, DEEPEST_NESTING, limit, MAX_ARGUMENTS, MAX_NESTING, MAX_PACKET_SIZE } from "./options.ts";
import { exchangeStackTraceLimit, stackTracesLeftOut } from "../stack-traces.ts";

/** How packets are decoded. */
export interface DecodeOptions {
  /**
   * `true` throws for every packet that deviates from OSC 1.0. Default `false`: packets of real programs are read as intended, and each
   * deviation is recorded in `errors` of the message or bundle.
   */
  readonly strict?: boolean;
  /** `true` copies blobs. Default `false`: a blob is a view of the packet's bytes, and changes with them. */
  readonly copyBlobs?: boolean;
  /** Maximum nesting depth of bundles, and of arrays. Default 32; capped at 1,000 to prevent stack overflows. */
  readonly maxNesting?: number;
  /** Maximum packet size in bytes; a larger packet is rejected. Default 16,777,216 (16 MiB). */
  readonly maxPacketSize?: number;
  /**
   * Maximum number of values in a decoded packet: its arguments, each array and its contents, and the elements of its bundles. A message
   * that exceeds it is rejected before it is built. Default 65,536.
   */
  readonly maxArguments?: number;
}

/** Maximum number of faults recorded per packet. Errors cost far more than the bytes that cause them. */
const MAX_FAULTS = 32;

/** The state of reading one packet: its options, the current position, and the faults found. */
export class Reading {
  /** The offset of the next byte to read. */
  position = 0;
  /** The faults of the message or bundle that is being read. */
  errors: OscDecodeError[] | undefined;
  /** True if the fields of the message or bundle don't reproduce its bytes, which are then kept. */
  keepsBytes = false;
  /** True if there was a fault since {@link mark}. */
  isFaulty = false;
  /** True if the rest of a packet is skipped because of too many bad elements. */
  exhausted = false;
  strict = false;
  copyBlobs = false;
  maxNesting: number = MAX_NESTING;
  maxPacketSize: number = MAX_PACKET_SIZE;
  /** The number of values that the packet may still contain. */
  argumentsLeft: number = MAX_ARGUMENTS;
  maxArguments: number = MAX_ARGUMENTS;
  #faultsLeft = MAX_FAULTS;
  #marked = 0;
  /** A copy of the whole packet. Messages and bundles that keep their bytes hold views of it. */
  #copy: Uint8Array | undefined;

  /** Prepares for a packet. Reads all options before changing any state, because their getters may decode another packet. */
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

  /** Records a tolerable fault; throws it if strict. */
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

  /** Discards the faults of the message since {@link mark}. */
  forgetFaults(): void {
    const { errors } = this;
    if (errors === undefined) return;
    this.#faultsLeft += errors.length - this.#marked;
    errors.length = this.#marked;
  }

  /**
   * Counts values before they are built.
   *
   * @throws OscDecodeError if the packet exceeds `maxArguments`
   */
  count(values: number, offset: number): void {
    if (values > this.argumentsLeft) {
      throw decodeError("OSC_TOO_MANY_ARGUMENTS", `The packet decodes to more values than maxArguments, ${this.maxArguments}`, offset);
    }
    this.argumentsLeft -= values;
  }

  /** A copy of the bytes of a message or bundle, if its fields don't reproduce them. */
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

/** Creates a decoder error, with a stack trace unless they are turned off. */
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
