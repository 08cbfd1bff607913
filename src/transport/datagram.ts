/** The most bytes that a UDP datagram can carry over IPv4: 65,535 less the IP and UDP headers. */
export const MAX_DATAGRAM = 65_507;

/** The refusal of a packet that no datagram can carry. */
export function tooLarge(size: number): NodeJS.ErrnoException {
  return Object.assign(new Error(`packet of ${size} bytes, a datagram carries ${MAX_DATAGRAM} at most`), { code: "EMSGSIZE" });
}
