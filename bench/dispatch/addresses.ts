const CONTROLS = ["gain", "pan", "mute", "solo", "low", "mid", "high", "name"];

/** Addresses of a mixing desk: eight controls on each channel. dispatch/dispatch.py and c/liblo-dispatch.c use the same. */
export function addressesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `/mixer/channel/${index >> 3}/${CONTROLS[index & 7]}`);
}

/** Indexes of at most `most` of the addresses, in scattered order, to send messages to. */
export function chosenOf(count: number, most: number): number[] {
  return Array.from({ length: Math.min(count, most) }, (_, index) => (index * 7919) % count);
}
