import type { OscDecodeError } from "../../errors.ts";
import { isEarlier, TimeTag } from "../time-tag.ts";
import { refuse } from "./check-value.ts";
import { OscMessage } from "./message.ts";

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
  constructor(elements: readonly OscPacket[] | OscPacket, timeTag: TimeTag = TimeTag.IMMEDIATELY) {
    if (!(timeTag instanceof TimeTag)) refuse("OSC_VALUE_TYPE", timeTag);
    const list = Array.isArray(elements) ? elements.slice() : [elements as OscPacket];
    for (const element of list) {
      if (element instanceof OscMessage) continue;
      if (!(element instanceof OscBundle)) refuse("OSC_VALUE_TYPE", element);
      if (isEarlier(element.timeTag, timeTag)) refuse("OSC_VALUE_OUT_OF_RANGE", element.timeTag);
    }
    this.timeTag = timeTag;
    this.elements = list;
    this.errors = [];
  }
}
