import type { Bridge, BridgeCounts, BridgeOptions } from "../bridge/index.ts";
import { openBridge } from "../bridge/relay.ts";
import { formatAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import { parseEndpoint } from "../url/nats-url.ts";
import { maskSecrets } from "../url/secrets.ts";
import { describeTargets } from "./bind-scope.ts";
import { RULE_OPTIONS, readRules, withAllChanges } from "./bridge-rules.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { asUsageLater, boundUrl } from "./endpoint.ts";
import { CONNECTION_OPTIONS, readConnection } from "./nats-options.ts";
import { parseOptions } from "./options.ts";
import { plural } from "./output.ts";

const HELP = `Forwards packets from one endpoint to others over any transport, and forwards
replies back.

Usage: oscine bridge [options] FROM TO…

It listens on FROM and sends to every TO, byte for byte. Each client of FROM has
its own sockets to the targets, so replies reach the right client.

  osc.udp://host:port/                also host:port and :port
  osc.tcp://host:port/?framing=1.0    or 1.1
  osc.unix:///path/of.sock            a Unix domain socket (stream)
  osc.serial:///dev/ttyACM0?baud=9600 a serial port (default 115200)
  ws://host:port/path                 WebSocket, for browsers
  nats://host:4222/prefix?subject=osc.mixer.>&queue=name

Without a host, FROM listens on all interfaces and TO is this machine. A TO with
?listen accepts clients and sends everything to all of them.
NATS: FROM subscribes to everything below the prefix (default osc), or to the
subjects, which may contain the wildcards * and >. TO publishes below the
prefix, and forwards messages on its subjects to all clients of FROM. Several
servers: nats://a:4222,b:4222/prefix; tls:// for TLS.

Rules change what is sent to TO. They apply in this order and may be repeated.
PATTERN is an address pattern; * also matches slashes. Without it, a rule
applies to all messages. Arguments are numbered from 0.

  --only PATTERN      forwards only messages whose address matches
  --drop PATTERN      drops messages whose address matches
  --rename OLD=NEW    renames the start of addresses: /a=/b; or with wildcards:
                      '/ch/?/gain=/gain/*'
  --pick [PATTERN=]A,B
                      keeps only these arguments, in this order: /xy=1,0 swaps
                      two
  --scale [PATTERN=]A,B:C,D
                      maps numbers from A…B to C…D: '/fader/*=0,127:0,1'; ints
                      become floats
  --clip [PATTERN=]A,B
                      limits numbers to A…B
  --cast [PATTERN=]TYPE
                      converts numbers, true and false to int (rounded) or float
  --changes[=PATTERN]
                      forwards only messages whose arguments differ from the
                      previous message with the same address
  --rate [PATTERN=]N  at most N messages per second per address, the newest
  --rules FILE        rules as JSON, applied first; also for replies:
                        { "rules": [{ "clip": [0, 1], "match": "/gain" }],
                          "rulesBack": [{ "drop": "/debug/*" }] }

  --one-way           doesn't send replies back
  --origin ORIGIN     a page that may connect to ws:// besides those of this
                      machine, such as https://example.org; may be repeated
  --credentials FILE  for NATS: a credentials file (.creds)
  --ca FILE           for NATS with TLS: PEM certificates of the authorities to
                      trust
  --quiet             prints only errors

Ctrl-C stops the bridge and prints the totals to standard error.

Examples:
  oscine bridge ws://127.0.0.1:8080 osc.udp://127.0.0.1:57110
      a page controls scsynth
  oscine bridge :9000 'ws://127.0.0.1:8080/?listen'
      UDP packets to all open pages
  oscine bridge osc.serial:///dev/ttyACM0 'ws://127.0.0.1:8080/?listen'
      a board's packets to all open pages
  oscine bridge :9000 192.168.1.20:8000 osc.tcp://127.0.0.1:3032 --rate 30
  oscine bridge :9000 :57120 --scale '/fader/*=0,127:0,1' --changes
      a controller's faders to a program that expects 0 to 1
  oscine bridge :9000 nats://10.0.0.1:4222/stage
      UDP packets to all NATS subscribers
  oscine bridge 'nats://10.0.0.1:4222/stage?subject=stage.light.>' :8000`;

/** `oscine bridge` */
export const BRIDGE: Command = { help: HELP, run: runBridge };

async function runBridge(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("bridge", withAllChanges(words), {
    ...RULE_OPTIONS,
    "one-way": { type: "boolean" },
    origin: { type: "string", multiple: true },
    quiet: { type: "boolean" },
    ...CONNECTION_OPTIONS,
  });
  const [from, ...to] = positionals;
  if (from === undefined || to.length === 0) {
    throw new UsageError('bridge needs a URL to listen on and one or more to send to, as in "oscine bridge ws://127.0.0.1:8080 :57110".');
  }
  const options: BridgeOptions = {
    ...readRules(values),
    oneWay: values["one-way"] === true,
    origins: values.origin ?? [],
    nats: readConnection(values),
    onError: (error, client) => report(session, error, client),
  };
  const opened = await asUsageLater(() => openBridge(from, to, options, "--origin"));
  if (values.quiet !== true) greet(session, opened, from, to);
  await Promise.race([aborted(session.stop), opened.closed]);
  await opened.close();
  if (values.quiet !== true) printTotals(session, opened);
  return EXIT.success;
}

function greet({ err }: Session, { from, to }: Bridge, source: string, targets: readonly string[]): void {
  const url = parseEndpoint(source);
  err.line(`Listening on ${err.styled("bold", formatAddress(from))} (${maskSecrets(source)}). Ctrl-C stops it.`);
  const reachable = url.transport === "nats" ? null : describeTargets(boundUrl(url, from));
  if (reachable !== null) err.line(reachable);
  for (const [index, target] of targets.entries()) {
    const listening = to[index] ?? null;
    const shown = maskSecrets(target);
    err.line(
      listening === null ? `Sending to ${shown}` : `Listening on ${formatAddress(listening)} (${shown}), and sending to every client`,
    );
  }
}

function printTotals({ err }: Session, opened: Bridge): void {
  const { forward, back } = opened.stats();
  err.line(err.styled("bold", `forward: ${describe(forward)}`));
  err.line(err.styled("bold", `back:    ${describe(back)}`));
}

function describe({ received, sent, ...rest }: BridgeCounts): string {
  const others = Object.entries(rest).filter(([, count]) => count > 0);
  return [`${plural(received, "packet")} received`, `${sent} sent`, ...others.map(([name, count]) => `${name} ${count}`)].join(", ");
}
