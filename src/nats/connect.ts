import { readFile } from "node:fs/promises";
import type * as NatsLibrary from "@nats-io/transport-node";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { OscError, OscNatsError, type OscNatsErrorCode } from "../errors.ts";
import type { NatsConnectionSettings } from "./options.ts";

/** The NATS client library. */
export type Library = typeof NatsLibrary;

/** A connection and the library that made it. */
interface Connected {
  readonly library: Library;
  readonly connection: NatsConnection;
}

/**
 * Connects. Afterwards, the library reconnects whenever the connection breaks.
 *
 * @throws OscNatsError if that fails; the code says why
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
    // A server that is still starting up may reject a client that it accepts later.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
  if (tls !== null) options.tls = { ...tls };
  if (user !== undefined) options.authenticator = library.usernamePasswordAuthenticator(user, password ?? "");
  if (token !== undefined) options.authenticator = library.tokenAuthenticator(token);
  if (nkey !== undefined) options.authenticator = library.nkeyAuthenticator(new TextEncoder().encode(nkey));
  if (credentials !== undefined) options.authenticator = library.credsAuthenticator(await readCredentials(credentials, settings));
  return options;
}

async function readCredentials(file: string, { servers }: NatsConnectionSettings): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new OscNatsError("OSC_NATS_AUTH", `The credentials file can't be read: ${String(cause)}.`, servers.join(", "), { cause });
  }
}

/** Converts an error of the NATS client to an Oscine error with advice. */
export function natsError(thrown: unknown, server: string): OscError {
  if (thrown instanceof OscError) return thrown;
  const { name, message } = thrown instanceof Error ? thrown : { name: "", message: String(thrown) };
  const code = (thrown as NodeJS.ErrnoException | null)?.code ?? "";
  const kind = kindOf(name, typeof code === "string" ? code : "", message);
  return new OscNatsError(kind, `${adviceFor(kind, server)} NATS says: ${message}.`, server, { cause: thrown });
}

function kindOf(name: string, code: string, message: string): OscNatsErrorCode {
  switch (name) {
    case "AuthorizationError":
    case "UserAuthenticationExpiredError":
      return "OSC_NATS_AUTH";
    case "PermissionViolationError":
      return "OSC_NATS_PERMISSION";
    case "ClosedConnectionError":
    case "DrainingConnectionError":
      return "OSC_NATS_CLOSED";
    default:
  }
  if (/^(JetStream|Stream|Consumer)/.test(name)) return "OSC_NATS_JETSTREAM";
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code) || /\b(tls|certificate|ssl)\b/i.test(message)) return "OSC_NATS_TLS";
  if (/^(ConnectionError|TimeoutError)$/.test(name) || /^E[A-Z]+$/.test(code) || /ECONN|ENOTFOUND|timeout|refused/.test(message))
    return "OSC_NATS_UNREACHABLE";
  return "OSC_NATS_FAILED";
}

function adviceFor(kind: OscNatsErrorCode, server: string): string {
  switch (kind) {
    case "OSC_NATS_AUTH":
      return `NATS at ${server} rejected this client: check user and password, token, credentials or nkey.`;
    case "OSC_NATS_PERMISSION":
      return `NATS at ${server} does not permit that subject: docs/nats.md lists the permissions that front ends and workers need.`;
    case "OSC_NATS_CLOSED":
      return `The connection to NATS at ${server} is closed: open another.`;
    case "OSC_NATS_JETSTREAM":
      return `JetStream at ${server} failed: is it enabled (nats-server -js), and does it have enough storage?`;
    case "OSC_NATS_TLS":
      return `No secure connection to NATS at ${server}: check tls, caFile, certFile and keyFile, and the names in the server's certificate.`;
    case "OSC_NATS_UNREACHABLE":
      return `NATS can't be reached at ${server}: is nats-server running there, and are host and port right?`;
    default:
      return `NATS at ${server} failed.`;
  }
}
