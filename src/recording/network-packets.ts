import type { CapturedFrame, IpPayload, RecordingEvents } from "./recording.ts";
import { TcpStreams } from "./tcp-streams.ts";

/** libpcap LINKTYPE_ numbers. */
const NULL_LOOPBACK = 0;
const ETHERNET = 1;
const RAW_IP: ReadonlySet<number> = new Set([12, 14, 101, 228, 229]);
const LOOP = 108;
const LINUX_COOKED = 113;
const LINUX_COOKED_2 = 276;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

const TCP = 6;
const UDP = 17;
/** IPv6 extension headers: hop-by-hop options, routing, destination options. */
const IPV6_EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
const IPV6_FRAGMENT = 44;

/** Maximum number of datagrams with missing fragments; beyond that, the oldest is discarded. */
const MAX_UNFINISHED = 64;
const MAX_DATAGRAM = 65_535;

interface Fragment {
  /** Identifies its datagram. */
  readonly id: string;
  readonly offset: number;
  readonly isLast: boolean;
}

interface Unfinished {
  /** Its size in bytes; null until the last fragment arrives. */
  length: number | null;
  received: number;
  readonly parts: Map<number, Uint8Array>;
}

/** Extracts OSC packets from captured frames: from UDP datagrams, including fragmented ones, and from TCP streams with either framing. */
export class PacketExtractor {
  readonly #events: RecordingEvents;
  readonly #streams: TcpStreams;
  readonly #unfinished = new Map<string, Unfinished>();

  constructor(events: RecordingEvents, maxPacketSize: number) {
    this.#events = events;
    this.#streams = new TcpStreams(events, maxPacketSize);
  }

  frame({ linkType, time, data }: CapturedFrame): void {
    const ip = networkLayer(linkType, data);
    const version = (ip[0] ?? 0) >> 4;
    if (version === 4) this.#ipv4(time, ip);
    else if (version === 6) this.#ipv6(time, ip);
  }

  end(): void {
    this.#streams.end();
  }

  #ipv4(time: number, ip: Uint8Array): void {
    const headerLength = ((ip[0] ?? 0) & 0xf) * 4;
    if (headerLength < 20 || ip.length < headerLength) return;
    const view = viewOf(ip);
    // With segmentation offload, the total length is 0.
    const length = view.getUint16(2) || ip.length;
    const flags = view.getUint16(6);
    const protocol = view.getUint8(9);
    const source = ip.subarray(12, 16).join(".");
    const destination = ip.subarray(16, 20).join(".");
    const payload = { time, family: "IPv4", source, destination, protocol, data: ip.subarray(headerLength, length) } as const;
    const isWhole = (flags & 0x3fff) === 0;
    const id = `${source} ${destination} ${protocol} ${view.getUint16(4)}`;
    if (isWhole) this.#payload(payload);
    else this.#fragment(payload, { id, offset: (flags & 0x1fff) * 8, isLast: (flags & 0x2000) === 0 });
  }

  #ipv6(time: number, ip: Uint8Array): void {
    if (ip.length < 40) return;
    const view = viewOf(ip);
    const end = 40 + (view.getUint16(4) || ip.length - 40);
    const source = ipv6Text(view, 8);
    const destination = ipv6Text(view, 24);
    let protocol = view.getUint8(6);
    let position = 40;
    let fragment: Fragment | null = null;
    while (position + 8 <= ip.length) {
      if (IPV6_EXTENSIONS.has(protocol)) {
        protocol = view.getUint8(position);
        position += (view.getUint8(position + 1) + 1) * 8;
      } else if (protocol === IPV6_FRAGMENT && fragment === null) {
        const flags = view.getUint16(position + 2);
        const id = `${source} ${destination} ${view.getUint32(position + 4)}`;
        fragment = { id, offset: flags & 0xfff8, isLast: (flags & 1) === 0 };
        protocol = view.getUint8(position);
        position += 8;
      } else break;
    }
    const payload = { time, family: "IPv6", source, destination, protocol, data: ip.subarray(position, end) } as const;
    if (fragment === null || (fragment.offset === 0 && fragment.isLast)) this.#payload(payload);
    else this.#fragment(payload, fragment);
  }

  #fragment(payload: IpPayload, { id, offset, isLast }: Fragment): void {
    const { data } = payload;
    if (offset + data.length > MAX_DATAGRAM || data.length === 0) return;
    const unfinished: Unfinished = this.#unfinished.get(id) ?? { length: null, received: 0, parts: new Map() };
    // Only an attacker sends overlapping fragments.
    if (!unfinished.parts.has(offset) && unfinished.received + data.length <= MAX_DATAGRAM) {
      unfinished.parts.set(offset, data.slice());
      unfinished.received += data.length;
    }
    if (isLast) unfinished.length = offset + data.length;
    this.#unfinished.set(id, unfinished);
    if (unfinished.length !== null && unfinished.received >= unfinished.length) {
      this.#unfinished.delete(id);
      const whole = new Uint8Array(unfinished.length);
      for (const [start, part] of unfinished.parts) if (start + part.length <= whole.length) whole.set(part, start);
      this.#payload({ ...payload, data: whole });
    }
    if (this.#unfinished.size > MAX_UNFINISHED) {
      const [oldest] = this.#unfinished.keys();
      if (oldest !== undefined) this.#unfinished.delete(oldest);
    }
  }

  #payload(payload: IpPayload): void {
    if (payload.protocol === UDP) this.#udp(payload);
    else if (payload.protocol === TCP) this.#streams.segment(payload);
  }

  #udp({ time, family, source, destination, data }: IpPayload): void {
    if (data.length < 8) return;
    const view = viewOf(data);
    const packet = data.subarray(8, view.getUint16(4) || data.length);
    if (!isOsc(packet)) return;
    this.#events.packet({
      time,
      source: { address: source, port: view.getUint16(0), family },
      destination: { address: destination, port: view.getUint16(2), family },
      transport: "udp",
      data: packet.slice(),
    });
  }
}

/** Whether a datagram begins like a message or a bundle. */
function isOsc(packet: Uint8Array): boolean {
  return packet[0] === 0x2f || (packet[0] === 0x23 && packet[1] === 0x62 && packet.length >= 8);
}

/** The frame from its IP header onwards; empty if it has none. */
function networkLayer(linkType: number, frame: Uint8Array): Uint8Array {
  if (RAW_IP.has(linkType)) return frame;
  switch (linkType) {
    case NULL_LOOPBACK:
    case LOOP:
      return frame.subarray(4);
    case ETHERNET:
      return ethernetPayload(frame, 12);
    case LINUX_COOKED:
      return ethernetPayload(frame, 14);
    case LINUX_COOKED_2:
      return isIp(frame, 0) ? frame.subarray(20) : frame.subarray(frame.length);
    default:
      return frame.subarray(frame.length);
  }
}

/** @param typeOffset the offset of the EtherType */
function ethernetPayload(frame: Uint8Array, typeOffset: number): Uint8Array {
  let offset = typeOffset;
  while (VLAN_TAGS.has(etherType(frame, offset))) offset += 4;
  return isIp(frame, offset) ? frame.subarray(offset + 2) : frame.subarray(frame.length);
}

function isIp(frame: Uint8Array, offset: number): boolean {
  const type = etherType(frame, offset);
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
}

function etherType(frame: Uint8Array, offset: number): number {
  return ((frame[offset] ?? 0) << 8) | (frame[offset + 1] ?? 0);
}

/** RFC 5952: `::` replaces the longest run of two or more zero groups, the first if several are equally long. */
function ipv6Text(view: DataView, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(offset + index * 2));
  let [start, length] = [0, 1];
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const text = groups.map((group) => group.toString(16));
  return length === 1 ? text.join(":") : `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
