import type { OscError } from "../errors.ts";
import { formatAddress, type NetAddress } from "../net-address.ts";

/** Takes what went wrong without stopping anything. `clientAddress` is missing where no client is to blame. */
export type ErrorListener = (error: OscError, clientAddress?: NetAddress) => void;

/** An error as the text that is printed where nobody listens for it: the client, the error and its code; and where a handler threw, its stack. */
function formatErrorReport(error: OscError, clientAddress?: NetAddress): string {
  const from = clientAddress === undefined ? "" : `from ${formatAddress(clientAddress)}: `;
  const line = `oscine: ${from}${error.message} [${error.code}]`;
  const { cause } = error;
  return error.code === "OSC_HANDLER_FAILED" && cause instanceof Error && cause.stack !== undefined ? `${line}\n${cause.stack}` : line;
}

/** Prints an error to stderr, with the client's address where there is one. What happens to errors where no `onError` is given. */
export function reportToConsole(error: OscError, clientAddress?: NetAddress): void {
  // oxlint-disable-next-line no-console -- stderr is where errors go that nobody listens for
  console.error(formatErrorReport(error, clientAddress));
}
