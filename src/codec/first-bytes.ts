/** The first byte of an address: `/`. */
export const SLASH = 0x2f;
/** The first byte of a bundle: `#`. */
export const HASH = 0x23;
/** The first byte of a type tag string: `,`. */
export const COMMA = 0x2c;
