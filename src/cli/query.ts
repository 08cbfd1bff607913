import type { OscArgument, OscValue } from "../codec/index.ts";
import type { NamespaceMethod } from "../namespace/index.ts";
import { OscQueryClient } from "../oscquery/index.ts";
import { readMessage, shellWords } from "../text/arguments.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { formatValue } from "../text/format.ts";
import { UsageError } from "../text/usage-error.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { asUsageLater, queryUrl } from "./endpoint.ts";
import { parseOptions, readNumberOption } from "./options.ts";

const HELP = `Shows the methods of an OSCQuery server: types, ranges, values.

Usage: oscine query [options] URL [ADDRESS]
       oscine query URL ADDRESS --set VALUE…

The URL is one printed by "oscine find", such as http://127.0.0.1:5678 or
127.0.0.1:5678. With an address, shows only that method and those below it.

  --json         one JSON object per method and line
  --watch        then prints every changed value until Ctrl-C
  --set          sets the value of the method; the words after it have the
                 syntax of "oscine send"
  --timeout S    how long to wait for an answer (default 5)

Examples:
  oscine query 127.0.0.1:5678
  oscine query http://127.0.0.1:5678 /mixer --watch
  oscine query 127.0.0.1:5678 /mixer/1/gain --set 0.5`;

/** `oscine query` */
export const QUERY: Command = { help: HELP, run: runQuery };

async function runQuery(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("query", words, {
    json: { type: "boolean" },
    watch: { type: "boolean" },
    set: { type: "boolean" },
    timeout: { type: "string", default: "5" },
  });
  const [url, address = "/", ...rest] = positionals;
  if (url === undefined) throw new UsageError('query takes the URL of an OSCQuery server, as in "oscine query 127.0.0.1:5678".');
  if (values.set === true && (rest.length === 0 || address === "/")) {
    throw new UsageError('--set takes a method and a value, as in "oscine query 127.0.0.1:5678 /gain --set 0.5".');
  }
  if (values.set !== true && rest.length > 0)
    throw new UsageError(`query takes one address; got "${rest[0]}" too. To set a value, add --set.`);
  const timeout = readNumberOption("timeout", values.timeout, { least: 0.001 }) * 1000;
  const options = { timeout, signal: session.stop, onError: (error: Parameters<typeof report>[1]) => report(session, error) };
  const client = await asUsageLater(() => OscQueryClient.connect(queryUrl(url), options));
  try {
    if (values.set !== true) return await show(client, address, { isJson: values.json === true, isWatch: values.watch === true }, session);
    await client.set(address, ...readValues(rest));
    return EXIT.success;
  } finally {
    await client.close();
  }
}

interface ShowOptions {
  readonly isJson: boolean;
  readonly isWatch: boolean;
}

async function show(client: OscQueryClient, address: string, { isJson, isWatch }: ShowOptions, session: Session): Promise<number> {
  const methods = [...client.namespace].filter((method) => isBelow(method.address, address));
  if (methods.length === 0) {
    session.err.line(`No method at ${escapeForTerminal(address)} or below it.`);
    return EXIT.failure;
  }
  const print = (method: NamespaceMethod): void => session.out.line(isJson ? toJson(method) : describe(method));
  for (const method of methods) print(method);
  if (!isWatch) return EXIT.success;
  client.namespace.subscribe((change) => {
    if (change.kind === "value" && isBelow(change.method.address, address)) print(change.method);
  });
  await client.mirror();
  await aborted(session.stop);
  return EXIT.success;
}

function isBelow(address: string, place: string): boolean {
  return place === "/" || address === place || address.startsWith(`${place.replace(/\/$/, "")}/`);
}

function readValues(words: readonly string[]): readonly OscArgument[] {
  return readMessage(shellWords(["/value", ...words])).args;
}

function describe({ address, description, value, types }: NamespaceMethod): string {
  const { range, access, unit } = description;
  const limits = (range ?? []).map((each) =>
    each === null || (each.min === undefined && each.max === undefined) ? null : `${each.min ?? ""}..${each.max ?? ""}`,
  );
  const notes = [...limits, ...(unit ?? []), access === "readwrite" ? null : access, description.description ?? null];
  const words = [
    address.padEnd(28),
    `,${description.types ?? types}`.padEnd(6),
    value === null ? "" : valuesOf(types, value),
    ...notes.filter((note) => note !== null && note !== "").map((note) => `  ${note}`),
  ];
  return escapeForTerminal(words.join(" ").trimEnd());
}

function valuesOf(types: string, values: readonly OscValue[]): string {
  const plain = types.replaceAll(/[[\]]/g, "");
  return values
    .map((value, index) => (Array.isArray(value) ? "[…]" : formatValue(plain[index] ?? "s", value) || (plain[index] ?? "")))
    .join(" ");
}

function toJson({ address, description, value, types }: NamespaceMethod): string {
  const { access, range, unit, tags } = description;
  const line = JSON.stringify(
    { address, types: description.types ?? types, access, value, range, unit, description: description.description, tags },
    (_key, each: unknown) => (typeof each === "bigint" ? String(each) : each),
  );
  return escapeForTerminal(line, Infinity);
}
