import { parsePlace } from "../url/place.ts";
import type { Bridge } from "./bridge.ts";
import { type BridgeOptions, bridgeSettings } from "./options.ts";
import { Relay } from "./relay.ts";

/** Opens a bridge. As `bridge`. */
export async function openBridge(from: string, to: readonly string[], options: BridgeOptions): Promise<Bridge> {
  const { signal } = options;
  const opened = await open(new Relay(parsePlace(from), to.map(parsePlace), bridgeSettings(options)));
  const abort = (): void => void opened.close();
  signal?.addEventListener("abort", abort, { once: true });
  void opened.closed.then(() => signal?.removeEventListener("abort", abort));
  if (signal?.aborted === true) await opened.close();
  return opened;
}

async function open(relay: Relay): Promise<Bridge> {
  const { from, to } = await relay.open();
  let resolveClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve;
  });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= relay.close().then(resolveClosed));
  return { from, to, closed, close, stats: () => relay.stats(), [Symbol.asyncDispose]: close };
}
