import { type Bridge, type BridgeCounts, type BridgeRule, bridge } from "../bridge/index.ts";
import { OscDispatchError, OscServerError } from "../errors.ts";
import { formatAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { CONNECTION_OPTIONS, readConnection } from "./nats-options.ts";
import { parseOptions, readNumberOption } from "./options.ts";
import { withoutSecrets } from "../url/nats-url.ts";
import { parsePlace } from "../url/place.ts";
import { describeTargets } from "./reach.ts";
import { plural } from "./tally.ts";
import { boundUrl } from "./url.ts";

const HELP = `Passes packets on from one place to others, over any transport, and the answers back.

Usage: oscine bridge [options] FROM TO…

It listens at FROM and sends to every TO, byte for byte. Each client of FROM has sockets of its own to them, so that answers find it.

  osc.udp://host:port/    also host:port, :port       osc.tcp://host:port/?framing=1.0   (or 1.1)
  ws://host:port/path     WebSocket, for browsers     osc.unix:///path/of.sock                   (a stream, likewise)

  nats://host:4222/prefix?subject=osc.mixer.>&queue=name

Without a host, FROM is all interfaces and TO this machine. A TO with ?listen waits for clients itself, and all of them get everything.
NATS: FROM hears all below the prefix (osc where there is none), or the subjects, which may have the wildcards * and >; TO publishes below the
prefix, and what is published to its subjects goes to all clients of FROM. Several servers: nats://a:4222,b:4222/prefix; tls:// for TLS.

  --only PATTERN      passes only messages whose address matches; * crosses slashes; may be repeated
  --drop PATTERN      leaves out messages whose address matches; may be repeated
  --rename OLD=NEW    the beginning of addresses: /a=/b; or with wildcards: /ch/?/gain=/gain/*; may be repeated
  --rate [PATTERN=]N  at most N messages a second for each address, the newest; may be repeated
  --one-way           nothing is sent back
  --origin ORIGIN     a page that may connect to ws:// besides the bridge's own host, as https://example.org; may be repeated
  --credentials FILE  for NATS: a file of credentials (.creds)
  --ca FILE           for NATS with TLS: the certificates of those whose servers are trusted, as PEM
  --quiet             nothing on standard output

These rules hold on the way to TO, in this order. Ctrl-C ends it and shows the totals.

Examples:
  oscine bridge ws://127.0.0.1:8080 osc.udp://127.0.0.1:57110     a page controls scsynth
  oscine bridge :9000 ws://127.0.0.1:8080/?listen                 what comes by UDP, to all pages that are open
  oscine bridge :9000 192.168.1.20:8000 osc.tcp://127.0.0.1:3032 --only "/eos/*" --rate 30
  oscine bridge :9000 nats://10.0.0.1:4222/stage                  what comes by UDP, to all who listen in NATS
  oscine bridge "nats://10.0.0.1:4222/stage?subject=stage.light.>" 192.168.1.20:8000`;

/** `oscine bridge` */
export const BRIDGE: Command = {
  name: "bridge",
  summary: "passes packets on between UDP, TCP, WebSocket and NATS",
  help: HELP,
  run: runBridge,
};

async function runBridge(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("bridge", words, {
    only: { type: "string", multiple: true },
    drop: { type: "string", multiple: true },
    rename: { type: "string", multiple: true },
    rate: { type: "string", multiple: true },
    "one-way": { type: "boolean" },
    origin: { type: "string", multiple: true },
    quiet: { type: "boolean" },
    ...CONNECTION_OPTIONS,
  });
  const [from, ...to] = positionals;
  if (from === undefined || to.length === 0) {
    throw new UsageError('bridge takes a place to listen and one or more to send to, as in "oscine bridge ws://127.0.0.1:8080 :57110".');
  }
  const opened = await openBridge(from, to, {
    rules: rulesOf(values),
    oneWay: values["one-way"] === true,
    origins: values.origin ?? [],
    nats: readConnection(values),
    onError: (error, client) => report(session, error, client),
  });
  if (values.quiet !== true) greet(session, opened, from, to);
  await Promise.race([aborted(session.stop), opened.closed]);
  await opened.close();
  if (values.quiet !== true) printTotals(session, opened);
  return EXIT.success;
}

/** What is wrong with the words is told as such. */
async function openBridge(...[from, to, options]: Required<Parameters<typeof bridge>>): Promise<Bridge> {
  try {
    return await bridge(from, to, options);
  } catch (error) {
    const isOption = error instanceof OscServerError && error.code === "OSC_OPTION";
    if (isOption || (error instanceof OscDispatchError && error.code === "OSC_BAD_MAPPED_ADDRESS")) throw new UsageError(error.message);
    throw error;
  }
}

interface RuleWords {
  readonly only?: string[] | undefined;
  readonly drop?: string[] | undefined;
  readonly rename?: string[] | undefined;
  readonly rate?: string[] | undefined;
}

function rulesOf({ only, drop, rename = [], rate = [] }: RuleWords): BridgeRule[] {
  const rules: BridgeRule[] = [];
  if (only !== undefined) rules.push({ only });
  if (drop !== undefined) rules.push({ drop });
  for (const word of rename) {
    const at = word.indexOf("=");
    if (at === -1) throw new UsageError(`--rename takes an old address and a new one, as in /a=/b; got "${word}".`);
    rules.push({ rename: word.slice(0, at), to: word.slice(at + 1) });
  }
  for (const word of rate) {
    const at = word.lastIndexOf("=");
    const maxRate = readNumberOption("rate", word.slice(at + 1), { least: 0 });
    rules.push(at === -1 ? { maxRate } : { maxRate, match: word.slice(0, at) });
  }
  return rules;
}

function greet({ out }: Session, { from, to }: Bridge, source: string, targets: readonly string[]): void {
  const url = parsePlace(source);
  out.line(`Listening on ${out.styled("bold", formatAddress(from))} (${withoutSecrets(source)}). Ctrl-C ends it.`);
  const reachable = url.transport === "nats" ? null : describeTargets(boundUrl(url, from));
  if (reachable !== null) out.line(reachable);
  for (const [index, target] of targets.entries()) {
    const listening = to[index] ?? null;
    const shown = withoutSecrets(target);
    out.line(
      listening === null ? `Sending to ${shown}` : `Listening on ${formatAddress(listening)} (${shown}), and sending to all who connect`,
    );
  }
}

function printTotals({ out }: Session, opened: Bridge): void {
  const { forward, back } = opened.stats();
  out.line(out.styled("bold", `there: ${describe(forward)}`));
  out.line(out.styled("bold", `back:  ${describe(back)}`));
}

function describe({ received, sent, ...rest }: BridgeCounts): string {
  const others = Object.entries(rest).filter(([, count]) => count > 0);
  return [`${plural(received, "packet")} received`, `${sent} sent`, ...others.map(([name, count]) => `${name} ${count}`)].join(", ");
}
