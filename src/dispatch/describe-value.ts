const MAX_LENGTH = 80;

/** Any value as a short text for an error message. Never throws, whatever the value does when it is looked at. */
export function describeValue(value: unknown): string {
  try {
    if (value instanceof Error) return value.message;
    const text = typeof value === "string" ? JSON.stringify(value) : String(value);
    return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
  } catch {
    return `an unprintable ${typeof value}`;
  }
}
