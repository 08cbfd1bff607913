import type { OscArgument } from "../codec/index.ts";
import type { ArgumentRange, MethodDescription } from "../namespace/index.ts";

/** An OSCQuery server's description of itself. */
export interface HostInfo {
  /** Its name; empty if it has none. */
  readonly name: string;
  /** The host of its OSC server. */
  readonly oscHost: string;
  /** The port of its OSC server. */
  readonly oscPort: number;
  /** The transport of its OSC server, in upper case: `UDP`, `TCP` or another word. */
  readonly oscTransport: string;
  /** The URL of its WebSocket. */
  readonly webSocketUrl: string;
  /** The attributes and commands it supports. */
  readonly extensions: Readonly<Record<string, boolean>>;
}

/** A method as described by a server. */
export interface RemoteMethod {
  readonly address: string;
  readonly description: MethodDescription;
}

type Json = Readonly<Record<string, unknown>>;

/** Defaults: the HTTP server's own host and port, and UDP. */
export function readHostInfo(info: unknown, url: URL): HostInfo {
  const { NAME, OSC_IP, OSC_PORT, OSC_TRANSPORT, WS_IP, WS_PORT, EXTENSIONS } = isObject(info) ? info : {};
  const httpPort = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const webSocket = new URL(url);
  webSocket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (typeof WS_IP === "string" && WS_IP !== "") webSocket.hostname = WS_IP;
  if (isPort(WS_PORT)) webSocket.port = String(WS_PORT);
  return {
    name: typeof NAME === "string" ? NAME : "",
    oscHost: typeof OSC_IP === "string" && OSC_IP !== "" ? OSC_IP : url.hostname,
    oscPort: isPort(OSC_PORT) ? OSC_PORT : httpPort,
    oscTransport: typeof OSC_TRANSPORT === "string" ? OSC_TRANSPORT.toUpperCase() : "UDP",
    webSocketUrl: webSocket.href,
    extensions: isObject(EXTENSIONS) ? Object.fromEntries(Object.entries(EXTENSIONS).map(([name, known]) => [name, known === true])) : {},
  };
}

/** Maximum depth of containers to read. */
const MAX_DEPTH = 64;
const ACCESS = ["none", "read", "write", "readwrite"] as const;
const TAGS = /^[ifsbhtdScrmTFNI[\]]*$/;

/** The methods in a server's response, in any dialect. Skips what it doesn't understand. */
export function* readMethods(answer: unknown, depth: number = 0): Generator<RemoteMethod> {
  if (!isObject(answer) || depth > MAX_DEPTH) return;
  const { FULL_PATH: address, TYPE: types, CONTENTS } = answer;
  // RNBO gives containers types too: a node with children and no value is a container.
  if (typeof address === "string" && address.startsWith("/") && typeof types === "string" && address.length > 1) {
    yield { address, description: describe(answer, TAGS.test(types) ? types : undefined) };
  }
  if (isObject(CONTENTS)) for (const child of Object.values(CONTENTS)) yield* readMethods(child, depth + 1);
}

function describe(node: Json, types: string | undefined): MethodDescription {
  const { ACCESS: access, DESCRIPTION, UNIT, TAGS: tags, EXTENDED_TYPE, CRITICAL } = node;
  const range = readRange(node);
  const value = readValue(node["VALUE"], types);
  return {
    ...(types !== undefined && { types }),
    ...(typeof access === "number" && ACCESS[access] !== undefined && { access: ACCESS[access] }),
    ...(typeof DESCRIPTION === "string" && { description: DESCRIPTION }),
    ...(texts(UNIT).length > 0 && { unit: texts(UNIT) }),
    ...(texts(tags).length > 0 && { tags: texts(tags) }),
    ...(texts(EXTENDED_TYPE).length > 0 && { extendedType: texts(EXTENDED_TYPE) }),
    ...(CRITICAL === true && { critical: true }),
    ...(range !== undefined && { range }),
    ...(value !== undefined && { value }),
    coerceBooleans: true,
  };
}

/** A list of strings; a single string counts as a list. */
function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === "string" && each !== "");
}

/** The server enforces its ranges, so don't clip or reject what it would accept. */
function readRange({ RANGE, CLIPMODE }: Json): (ArgumentRange | null)[] | undefined {
  if (RANGE === undefined || RANGE === null) return undefined;
  const modes = Array.isArray(CLIPMODE) ? (CLIPMODE as unknown[]) : [CLIPMODE];
  const list: unknown[] = Array.isArray(RANGE) ? RANGE : [RANGE];
  return list.map((each, index) => {
    if (!isObject(each)) return null;
    const { MIN, MAX, VALS } = each;
    const mode = modes[index];
    const isOrdered = !(typeof MIN === "number" && typeof MAX === "number" && MIN > MAX);
    return {
      ...(typeof MIN === "number" && isOrdered && { min: MIN }),
      ...(typeof MAX === "number" && isOrdered && { max: MAX }),
      ...(Array.isArray(VALS) && { values: VALS.filter((value) => typeof value === "string" || typeof value === "number") }),
      ...((mode === "low" || mode === "high" || mode === "both") && { clip: mode }),
    };
  });
}

/** A value that fits the types; undefined if there is none. RNBO and VRChat write a single value without a list. */
function readValue(value: unknown, types: string | undefined): readonly OscArgument[] | undefined {
  if (value === undefined || types === undefined) return undefined;
  const plain = types.replaceAll(/[[\]]/g, "");
  const list: unknown[] = Array.isArray(value) ? value.flat(8) : [value];
  // Flattening arrays results in a value that no array type accepts.
  if (plain !== types || list.length !== plain.length) return undefined;
  const values: OscArgument[] = [];
  for (const [index, each] of list.entries()) {
    const read = readOne(plain[index] ?? "", each);
    if (read === undefined) return undefined;
    values.push(read);
  }
  return values;
}

function readOne(tag: string, value: unknown): OscArgument | undefined {
  switch (tag) {
    case "i":
    case "f":
    case "d":
      return typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : undefined;
    case "h":
      return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
    case "s":
    case "S":
    case "c":
      return typeof value === "string" ? value : undefined;
    case "T":
    case "F":
      // RNBO writes null, so the type determines the value.
      return typeof value === "boolean" ? value : typeof value === "number" ? value !== 0 : value === null ? tag === "T" : undefined;
    case "r": {
      const [r, g, b, a = 255] =
        typeof value === "string" ? (value.match(/[\da-f]{2}/gi)?.map((part) => Number.parseInt(part, 16)) ?? []) : [];
      return r === undefined || g === undefined || b === undefined ? undefined : { r, g, b, a };
    }
    case "N":
      return null;
    case "I":
      return Infinity;
    default:
      return undefined;
  }
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 65_535;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
