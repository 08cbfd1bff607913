import type { Service } from "../discovery/index.ts";
import { SERVICE_TYPES } from "../discovery/service.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { type Command, EXIT, report, type Session } from "./command.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";

const HELP = `Finds OSC servers and OSCQuery servers on the network.

Usage: oscine find [options]

Requires the package multicast-dns: npm install multicast-dns@7

  --type TYPE   only osc.udp, osc.tcp or oscquery; may be repeated
  --timeout S   exits after S seconds (default 3); 0 runs until Ctrl-C
  --json        one JSON object per line for each service that appears, changes
                or leaves

The exit code is 1 if nothing was found.

Examples:
  oscine find
  oscine find --type oscquery --timeout 0
  oscine find --json | jq -r .service.name`;

/** `oscine find` */
export const FIND: Command = { help: HELP, run: runFind };

async function runFind(words: readonly string[], session: Session): Promise<number> {
  const { values } = parseOptions("find", words, {
    type: { type: "string", multiple: true },
    timeout: { type: "string", default: "3" },
    json: { type: "boolean" },
  });
  const { browse } = await import("../discovery/index.ts");
  const seconds = readNumberOption("timeout", values.timeout, { least: 0 });
  const type = values.type?.map((name) => readChoice("type", name, SERVICE_TYPES)) ?? SERVICE_TYPES;
  const timeout = seconds === 0 ? null : seconds * 1000;
  let found = 0;
  for await (const { kind, service } of browse({ type, timeout, signal: session.stop, onError: (error) => report(session, error) })) {
    if (kind === "up") found += 1;
    const line = JSON.stringify({ kind, service });
    session.out.line(values.json === true ? escapeForTerminal(line, Infinity) : describe(kind, service));
  }
  if (found === 0 && seconds > 0) session.err.line(`nothing found within ${seconds} s`);
  return found > 0 || seconds === 0 ? EXIT.success : EXIT.failure;
}

const SIGNS = { up: "+", changed: "~", down: "-" } as const;

function describe(kind: keyof typeof SIGNS, { type, name, addresses, port, txt }: Service): string {
  const place = `${addresses[0] ?? "?"}:${port}`;
  const url = type === "oscquery" ? `http://${place}/` : `${type}://${place}/`;
  const pairs = Object.entries(txt).map(([key, value]) => `${key}=${value}`);
  return escapeForTerminal([SIGNS[kind], url.padEnd(32), name, ...(pairs.length > 0 ? [`(${pairs.join(" ")})`] : [])].join(" "));
}
