import { readFile } from "node:fs/promises";
import type * as NatsLibrary from "@nats-io/transport-node";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { OscNatsError } from "../errors.ts";
import { natsError } from "./nats-errors.ts";
import type { NatsConnectionSettings } from "./nats-options.ts";

/** NATS's own client. */
export type Library = typeof NatsLibrary;

/** A connection that stands, and what it was made with. */
interface Connected {
  readonly library: Library;
  readonly connection: NatsConnection;
}

/**
 * Connects. From then on the connection is made again whenever it breaks.
 *
 * @throws OscNatsError where that is not possible; the code says why
 */
export async function connectNats(settings: NatsConnectionSettings): Promise<Connected> {
  const library = await loadLibrary();
  try {
    return { library, connection: await library.connect(await connectOptions(library, settings)) };
  } catch (error) {
    throw natsError(error, settings.servers.join(", "));
  }
}

async function loadLibrary(): Promise<Library> {
  try {
    return await import("@nats-io/transport-node");
  } catch (cause) {
    throw new OscNatsError(
      "OSC_NATS_PACKAGE",
      "NATS needs packages that are not installed: npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1.",
      "",
      { cause },
    );
  }
}

async function connectOptions(library: Library, settings: NatsConnectionSettings): Promise<ConnectionOptions> {
  const { reconnectDelay, tls, user, password, token, nkey, credentials } = settings;
  const options: ConnectionOptions = {
    servers: [...settings.servers],
    name: settings.name,
    timeout: settings.connectTimeout,
    waitOnFirstConnect: settings.waitForServer,
    pingInterval: settings.pingInterval,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => Math.ceil(reconnectDelay * (0.5 + Math.random() / 2)),
    // A server that is set up anew may refuse for a while whom it lets in later.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
  if (tls !== null) options.tls = { ...tls };
  if (user !== null) options.authenticator = library.usernamePasswordAuthenticator(user, password ?? "");
  if (token !== null) options.authenticator = library.tokenAuthenticator(token);
  if (nkey !== null) options.authenticator = library.nkeyAuthenticator(new TextEncoder().encode(nkey));
  if (credentials !== null) options.authenticator = library.credsAuthenticator(await readCredentials(credentials, settings));
  return options;
}

async function readCredentials(file: string, { servers }: NatsConnectionSettings): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new OscNatsError("OSC_NATS_AUTH", `The file of credentials cannot be read: ${String(cause)}.`, servers.join(", "), { cause });
  }
}
