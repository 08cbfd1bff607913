/** The default of `maxPacketSize`, in bytes: 16 MiB. */
export const MAX_PACKET_SIZE = 16_777_216;
/** The default of `maxNesting`: how many levels bundles may nest, and arrays. */
export const MAX_NESTING = 32;
/** How deep may be asked for, and made. It keeps the stack safe, also from arrays that hold themselves. */
export const DEEPEST_NESTING = 1000;
/** How many faults of one packet are recorded. Errors cost far more than the bytes that cause them. */
export const MAX_FAULTS = 32;
