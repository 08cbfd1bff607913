import { type OscDecodeError, OscEncodeError } from "../errors.ts";
import { describe } from "./check-value.ts";
import { OscMessage } from "./message.ts";
import { isEarlier, TimeTag } from "./time-tag.ts";
import { NO_ERRORS, TRUSTED } from "./trusted.ts";

/** What one datagram, or one frame of a stream, holds. OSC 1.0, "OSC Packets". */
export type OscPacket = OscMessage | OscBundle;

/**
 * Messages, and bundles of messages, that take effect together at the moment that the time tag says. OSC 1.0, "OSC Bundles".
 *
 * @example new OscBundle([new OscMessage("/note/on", 60), new OscMessage("/gain", 0.5)], TimeTag.in(100))
 */
export class OscBundle {
  /** When the elements take effect; {@link TimeTag.IMMEDIATELY} for at once. */
  declare readonly timeTag: TimeTag;
  /** Messages and bundles, in the order in which they take effect. May be empty. */
  declare readonly elements: readonly OscPacket[];
  /** The elements that could not be read, and what the tolerant decoder read all the same. Those of a message are in the message. */
  declare readonly errors: readonly OscDecodeError[];

  /**
   * @param elements one packet or several, in the order in which they take effect
   * @param timeTag when they do; default at once
   * @throws OscEncodeError where an element is no packet, or is a bundle whose time tag is earlier than this one's
   */
  constructor(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag);
  constructor(
    elements: readonly OscPacket[] | OscPacket,
    timeTag: TimeTag = TimeTag.IMMEDIATELY,
    trusted?: typeof TRUSTED,
    errors: readonly OscDecodeError[] = NO_ERRORS,
  ) {
    this.timeTag = timeTag;
    if (trusted === TRUSTED) {
      this.elements = elements as readonly OscPacket[];
      this.errors = errors;
      return;
    }
    if (!(timeTag instanceof TimeTag)) {
      throw new OscEncodeError(
        "OSC_VALUE_TYPE",
        `A bundle needs a TimeTag (TimeTag.from makes one of a date); got ${describe(timeTag)}.`,
        timeTag,
      );
    }
    const list = Array.isArray(elements) ? elements.slice() : [elements as OscPacket];
    for (const element of list) checkElement(element, timeTag);
    this.elements = list;
    this.errors = NO_ERRORS;
  }
}

type TrustedConstructor = new (
  elements: readonly OscPacket[],
  timeTag: TimeTag,
  trusted: typeof TRUSTED,
  errors: readonly OscDecodeError[],
) => OscBundle;

/** A bundle of parts that are known to fit, as the decoder has them: nothing is checked. */
export function trustedBundle(elements: readonly OscPacket[], timeTag: TimeTag, errors: readonly OscDecodeError[]): OscBundle {
  return new (OscBundle as unknown as TrustedConstructor)(elements, timeTag, TRUSTED, errors);
}

function checkElement(element: unknown, timeTag: TimeTag): void {
  if (element instanceof OscMessage) return;
  if (!(element instanceof OscBundle)) {
    throw new OscEncodeError("OSC_VALUE_TYPE", `A bundle holds messages and bundles; got ${describe(element)}.`, element);
  }
  if (isEarlier(element.timeTag, timeTag)) {
    throw new OscEncodeError(
      "OSC_VALUE_OUT_OF_RANGE",
      `A bundle for ${element.timeTag} cannot be inside one for ${timeTag}: give it the same or a later time tag (OSC 1.0, "OSC Bundles").`,
      element.timeTag,
    );
  }
}
