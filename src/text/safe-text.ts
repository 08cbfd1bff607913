/** Characters that would move the cursor of a terminal, or hide or reverse what is shown. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text in double quotes, with the escapes of JSON: safe to show on a terminal, read back by `splitWords`. */
export function quote(text: string): string {
  return escapeUnsafe(JSON.stringify(text));
}

/** Replaces what a terminal would act on by `\u` escapes. For text that came from the network, and for JSON, which stays the same JSON. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
