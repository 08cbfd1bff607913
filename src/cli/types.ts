import { writeFileSync } from "node:fs";
import type { NamespaceMethod } from "../namespace/index.ts";
import { OscQueryClient } from "../oscquery/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { maskSecrets } from "../url/secrets.ts";
import { type Command, EXIT, report, type Session, unwritable } from "./command.ts";
import { asUsageLater, queryUrl } from "./endpoint.ts";
import { parseOptions, readNumberOption } from "./options.ts";

const HELP = `Writes TypeScript for the methods of an OSCQuery server: their types and a typed
client.

Usage: oscine types [options] URL

The URL is one printed by "oscine find", such as http://127.0.0.1:5678 or
127.0.0.1:5678.

  -o, --output FILE  the file to write or overwrite (default: standard output)
  --timeout S        how long to wait for an answer (default 5)

Examples:
  oscine types 127.0.0.1:5678 -o mixer.ts
  oscine types http://127.0.0.1:5678 --timeout 20 --output mixer.ts`;

/** `oscine types` */
export const TYPES: Command = { help: HELP, run: runTypes };

async function runTypes(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("types", words, {
    output: { type: "string", short: "o" },
    timeout: { type: "string", default: "5" },
  });
  const [given, ...rest] = positionals;
  if (given === undefined || rest.length > 0) {
    throw new UsageError('types takes the URL of an OSCQuery server, as in "oscine types 127.0.0.1:5678 -o mixer.ts".');
  }
  const url = queryUrl(given);
  const timeout = readNumberOption("timeout", values.timeout, { least: 0.001 }) * 1000;
  const options = {
    timeout,
    reconnect: false,
    signal: session.stop,
    onError: (error: Parameters<typeof report>[1]) => report(session, error),
  };
  const client = await asUsageLater(() => OscQueryClient.connect(url, options));
  try {
    const source = toTypeScript([...client.namespace], { name: client.hostInfo.name, url });
    if (values.output === undefined) session.out.text(source);
    else write(values.output, source);
    session.err.line(`${client.namespace.size} methods${values.output === undefined ? "" : ` written to ${values.output}`}`);
    return EXIT.success;
  } finally {
    await client.close();
  }
}

function write(path: string, source: string): void {
  try {
    writeFileSync(path, source);
  } catch (error) {
    throw unwritable(path, error);
  }
}

const CLIENT = `
/** The addresses whose value can be read. */
export type Readable = { [A in keyof Methods]: Methods[A]["access"] extends "read" | "readwrite" ? A : never }[keyof Methods];
/** The addresses whose value can be set. */
export type Writable = { [A in keyof Methods]: Methods[A]["access"] extends "write" | "readwrite" ? A : never }[keyof Methods];

/** A client that knows the methods of the server. */
export class TypedClient implements AsyncDisposable {
  private constructor(readonly client: OscQueryClient) {}

  static async connect(url: string = URL, options?: OscQueryClientOptions): Promise<TypedClient> {
    return new TypedClient(await OscQueryClient.connect(url, options));
  }

  /** Asks for a value; null if there is none. */
  async get<A extends Readable>(address: A): Promise<Methods[A]["args"] | null> {
    return (await this.client.get(address)) as Methods[A]["args"] | null;
  }

  set<A extends Writable>(address: A, ...args: Methods[A]["args"]): Promise<void> {
    return this.client.set(address, ...(args as readonly OscArgument[]));
  }

  /** The value at once, and every change. */
  async *listen<A extends Readable>(address: A, options?: { readonly signal?: AbortSignal }): AsyncGenerator<Methods[A]["args"], void> {
    for await (const { args } of this.client.listen(address, options)) yield args as Methods[A]["args"];
  }

  close(): Promise<void> {
    return this.client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
`;

/**
 * The methods as a TypeScript module.
 *
 * @param url their source; secrets in it are masked
 */
function toTypeScript(methods: readonly NamespaceMethod[], { name, url }: { readonly name: string; readonly url: string }): string {
  const lines = [
    `// The methods of ${commentOf(JSON.stringify(name))}. Written by "oscine types": run it again instead of editing this file.`,
    'import { type ArgumentsOf, type OscArgument, OscQueryClient, type OscQueryClientOptions } from "oscine";',
    "",
    "/** Where the methods were read. */",
    `export const URL = ${quoted(maskSecrets(url))};`,
    "",
    "/** The methods: their arguments, and whether they can be read and written. */",
    "export interface Methods {",
  ];
  for (const { address, types, description } of methods) {
    const about = commentOf(aboutOf(description));
    if (about !== "") lines.push(`  /** ${about} */`);
    const args = `ArgumentsOf<${description.types === undefined && types === "" ? "string" : quoted(description.types ?? types)}>`;
    lines.push(`  ${quoted(address)}: { args: ${args}; access: "${description.access}" };`);
  }
  return `${lines.join("\n")}\n}\n${CLIENT}`;
}

/** A one-line description of a method. */
function aboutOf({ description, range, unit }: NamespaceMethod["description"]): string {
  const ranges = (range ?? []).map((each) => {
    const { min, max, values } = each ?? {};
    if (values !== undefined) return `one of ${values.map(String).join(", ")}`;
    if (min === undefined) return max === undefined ? "any" : `at most ${max}`;
    return max === undefined ? `at least ${min}` : `${min} to ${max}`;
  });
  return [
    description ?? "",
    ranges.some((each) => each !== "any") ? `Range: ${ranges.join("; ")}` : "",
    unit === undefined ? "" : `Unit: ${unit.join(", ")}`,
  ]
    .filter((part) => part !== "")
    .map((part) => part.replace(/[.\s]*$/, "."))
    .join(" ");
}

/** Makes untrusted text safe inside a one-line comment. */
function commentOf(text: string): string {
  return text.replaceAll("*/", "*\\/").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
}

/** Untrusted text as a string literal. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
