/** A packet of parts that are known to fit, as the decoder has them: nothing is checked. */
export function trusted<T extends object>(kind: new (...args: never) => T, parts: T): T {
  return Object.assign(Object.create(kind.prototype as object) as T, parts);
}
