import { OscDecodeError, type OscDecodeErrorCode } from "../errors.ts";
import { decodeError } from "./decode-error.ts";
import { DEEPEST_NESTING, MAX_NESTING, MAX_FAULTS } from "./limits.ts";

/** How packets are decoded. */
export interface DecodeOptions {
  /**
   * `true` refuses every packet that departs from the OSC 1.0 text, by throwing. Default `false`: what real programs send is read as
   * they mean it, and each departure is recorded in `errors` of the message or bundle concerned.
   */
  readonly strict?: boolean;
  /** `true` copies blobs into memory of their own. Default `false`: a blob is a view of the packet's bytes, and changes with them. */
  readonly copyBlobs?: boolean;
  /** How many levels bundles may nest, and arrays. Default 32; more than 1,000 counts as 1,000, which keeps the stack safe. */
  readonly maxNesting?: number;
  /** The largest packet, in bytes; a larger one is refused. Default 16,777,216 (16 MiB). */
  readonly maxPacketSize?: number;
}

const NO_OPTIONS: DecodeOptions = {};

/** What is the same for every part of a packet while it is read, and where the reading stands. */
export class Reading {
  /** The offset after what was read last. */
  position = 0;
  /** The faults of the message or bundle that is being read. */
  errors: OscDecodeError[] | undefined;
  /** True when a packet has so many bad elements that the rest of it is not read. */
  exhausted = false;
  /** As the caller gave them. What they say is asked for when it is needed, for most packets need none of it (bench/codec, small). */
  options: DecodeOptions = NO_OPTIONS;
  #faultsLeft = MAX_FAULTS;

  /** Makes ready for a packet. */
  begin(options: DecodeOptions | undefined): void {
    this.options = options ?? NO_OPTIONS;
    this.exhausted = false;
    this.#faultsLeft = MAX_FAULTS;
    this.errors = undefined;
  }

  /** How many levels may nest. */
  get maxNesting(): number {
    return Math.min(this.options.maxNesting ?? MAX_NESTING, DEEPEST_NESTING);
  }

  /** Records a fault that can be read past; or throws it, when strict. */
  fault(code: OscDecodeErrorCode, message: string, offset: number): void {
    if (this.options.strict) throw decodeError(code, message, offset);
    if (this.#faultsLeft > 0) this.#record(decodeError(code, message, offset));
  }

  /** Records why an element of the bundle could not be read; or throws it, when strict. */
  dropElement(error: unknown, offset: number): void {
    if (this.options.strict || !(error instanceof OscDecodeError)) throw error;
    if (this.#faultsLeft > 0) {
      this.#record(error);
    } else {
      this.exhausted = true;
      this.#record(decodeError("OSC_BAD_BUNDLE", `The packet has more than ${MAX_FAULTS} faults; from here on it was not read`, offset));
    }
  }

  #record(error: OscDecodeError): void {
    this.#faultsLeft -= 1;
    (this.errors ??= []).push(error);
  }
}
