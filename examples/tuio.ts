/**
 * Reads TUIO, the protocol of touch tables and trackers: each bundle is a frame that lists the fingers on the table. Touch apps and trackers
 * send to port 3333. This program also sends three frames itself, then exits.
 */
import { AsyncOSCUDPServer, Dispatcher, float, int, OscBundle, OscMessage, UDPClient } from "oscine";

const port = Number(process.argv[2] ?? 3333);

interface Cursor {
  readonly x: number;
  readonly y: number;
}

const cursors = new Map<number, Cursor>();
const dispatcher = new Dispatcher();

function readFrame({ elements }: OscBundle): string | undefined {
  for (const element of elements) {
    if (!(element instanceof OscMessage) || element.address !== "/tuio/2Dcur") continue;
    const [command, ...values] = element.args;
    // Fingers that "alive" doesn't list have left the table.
    if (command === "alive") for (const id of cursors.keys()) if (!values.includes(id)) cursors.delete(id);
    const [id, x, y] = values;
    if (command === "set" && typeof id === "number" && typeof x === "number" && typeof y === "number") cursors.set(id, { x, y });
    if (command === "fseq") {
      const shown = Array.from(cursors, ([cursor, { x: left, y: top }]) => `${cursor} at ${left}, ${top}`);
      console.log(`frame ${String(id)}: ${shown.join("; ") || "nobody touches the table"}`);
    }
  }
  return "/frame/read";
}

// A frame is meaningful only as a whole, so its messages have no handlers.
dispatcher.onBundle(readFrame, { only: true });

const server = new AsyncOSCUDPServer(["127.0.0.1", port], dispatcher);
await using endpoint = (await server.createServeEndpoint())[0];

await using table = new UDPClient("127.0.0.1", endpoint.localAddress.port);
const replies = table.messages({ timeout: 2000 });
const finger = (id: number, x: number, y: number) => new OscMessage("/tuio/2Dcur", ["set", int(id), x, y, 0, 0, 0].map(asFloat));
const frames = [[finger(7, 0.5, 0.25)], [finger(7, 0.5, 0.75), finger(8, 0.25, 0.25)], []];
for (const [index, fingers] of frames.entries()) {
  const alive = [[int(7)], [int(7), int(8)], []][index] ?? [];
  const sequence = new OscMessage("/tuio/2Dcur", ["fseq", int(index + 1)]);
  await table.send(new OscBundle([new OscMessage("/tuio/2Dcur", ["alive", ...alive]), ...fingers, sequence]));
  await replies.next();
}

function asFloat<T>(value: T) {
  return typeof value === "number" ? float(value) : value;
}
