import { OscError, OscNatsError, type OscNatsErrorCode } from "../errors.ts";

/** What NATS's own client throws and reports, as an error of ours that says what to do. */
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
      return `NATS at ${server} does not let this client in: check user and password, token, credentials or nkey.`;
    case "OSC_NATS_PERMISSION":
      return `NATS at ${server} does not permit that subject: docs/nats.md lists those that front ends and workers need.`;
    case "OSC_NATS_CLOSED":
      return `The connection to NATS at ${server} is closed: make another.`;
    case "OSC_NATS_JETSTREAM":
      return `JetStream of NATS at ${server} did not do what at-least-once needs: is it switched on (nats-server -js), and is there room?`;
    case "OSC_NATS_TLS":
      return `No secure connection to NATS at ${server}: check tls, caFile, certFile and keyFile, and the names in the server's certificate.`;
    case "OSC_NATS_UNREACHABLE":
      return `NATS cannot be reached at ${server}: is nats-server running there, and are host and port right?`;
    default:
      return `NATS at ${server} failed.`;
  }
}
