/** Eight bytes in which a number is put together or taken apart. */
export const cell: Uint8Array = /* @__PURE__ */ new Uint8Array(8);
/** The number in the {@link cell}. */
export const number: DataView = /* @__PURE__ */ new DataView(cell.buffer);
