import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import { isNatsUrl, withoutSecrets } from "../url/nats-url.ts";
import { type OscUrl, parseOscUrl } from "../url/osc-url.ts";

/**
 * Reads a word of the command line as a URL.
 *
 * @throws UsageError that says which part is wrong
 */
export function parseUrl(text: string): OscUrl {
  if (isNatsUrl(text)) {
    throw new UsageError(
      `"${withoutSecrets(text)}" is a place in NATS, which "oscine bridge" takes, and "oscine serve" and "oscine work" as --nats.`,
    );
  }
  const url = asUsage(() => parseOscUrl(text));
  if (url.listens) throw new UsageError(`"${text}" asks to ?listen, which only targets of "oscine bridge" do: leave it out.`);
  return url;
}

/** What an option cannot be is, on the command line, a word that cannot be. */
export function asUsage<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw usageOf(error);
  }
}

/** The same for what takes its time. */
export async function asUsageLater<Result>(make: () => Promise<Result>): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    throw usageOf(error);
  }
}

function usageOf(error: unknown): unknown {
  return error instanceof OscServerError && error.code === "OSC_OPTION" ? new UsageError(error.message) : error;
}

/** The URL of what listens now, with the port that it has. */
export function boundUrl(url: OscUrl, { address, port }: Pick<NetAddress, "address" | "port">): OscUrl {
  return url.transport === "unix" ? { ...url, path: address } : { ...url, host: address, port };
}
