import { OscQueryError } from "../errors.ts";
import { maskSecrets } from "../url/secrets.ts";

/** The limits of a request. */
interface FetchLimits {
  /** In milliseconds. */
  readonly timeout: number;
  /** Maximum length of the response in characters. */
  readonly maxSize: number;
  readonly signal: AbortSignal | undefined;
}

/** A response, null if it has no content, and its length in characters. */
interface Answer {
  readonly value: unknown;
  readonly size: number;
}

/**
 * @throws (rejects) OscQueryError `OSC_QUERY_UNREACHABLE` if there is no response in time, `OSC_QUERY_ANSWER` for anything but JSON within
 *   the limits
 */
export async function fetchJson(url: URL, { timeout, maxSize, signal }: FetchLimits): Promise<Answer> {
  const signals = [AbortSignal.timeout(timeout), ...(signal === undefined ? [] : [signal])];
  let body = "";
  try {
    const response = await fetch(url, { signal: AbortSignal.any(signals), redirect: "error" });
    if (response.status === 204) return { value: null, size: 0 };
    if (!response.ok)
      throw new OscQueryError("OSC_QUERY_ANSWER", `${maskSecrets(url.href)} responded with HTTP status ${response.status}.`, url.href);
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? []) {
      body += decoder.decode(piece as Uint8Array, { stream: true });
      if (body.length > maxSize)
        throw new OscQueryError(
          "OSC_QUERY_ANSWER",
          `The response to ${maskSecrets(url.href)} is larger than maxSize, ${maxSize} bytes.`,
          url.href,
        );
    }
  } catch (error) {
    throw error instanceof OscQueryError ? error : unreachable(url, error);
  }
  try {
    return { value: JSON.parse(body) as unknown, size: body.length };
  } catch {
    throw new OscQueryError(
      "OSC_QUERY_ANSWER",
      `The response to ${maskSecrets(url.href)} isn't JSON. Is this an OSCQuery server?`,
      url.href,
    );
  }
}

/** The error for a server that doesn't answer. */
export function unreachable(url: URL, cause: unknown): OscQueryError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new OscQueryError(
    "OSC_QUERY_UNREACHABLE",
    `${maskSecrets(url.href)} doesn't answer: ${inner instanceof Error ? inner.message : String(inner)}`,
    url.href,
    { cause },
  );
}
