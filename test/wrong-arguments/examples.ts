/** Right arguments for everything that the package exports, so that a test can put a wrong value in the place of each of them. */

import { PassThrough } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as source from "../../src/index.ts";
import type * as nats from "../../src/nats/index.ts";
import type {
  AddressSpace,
  AsyncOSCUDPServer,
  Broadcaster,
  Dispatcher,
  KeepAliveSession,
  Namespace,
  Publisher,
  Player,
  Scheduler,
  TCPClient,
  UDPClient,
  Recording,
} from "../../src/index.ts";

/** The package. */
export type Oscine = typeof source;
/** `oscine/nats`. */
export type OscineNats = typeof nats;

/** How to call something with right arguments. */
export interface Example {
  readonly args: readonly unknown[];
  /** Makes what a method is called on. */
  readonly on?: () => object;
}

/** A recording without packets. */
const RECORDING: Recording = {
  format: "jsonl",
  start: null,
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
} as const;
const HANDLERS = new URL("../server/programs/sync-handlers.mjs", import.meta.url);

/** @param oscine the package: the built one, because servers start threads that run it */
export function examplesOf(oscine: Oscine): Readonly<Record<string, Example>> {
  const CLIENT = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
  const LOCAL = ["127.0.0.1", 0] as const;
  const MESSAGE = new oscine.OscMessage("/a", 1);
  const BYTES = Uint8Array.of(0x2f, 0x61, 0, 0, 0x2c, 0, 0, 0);
  const doNothing = (): undefined => undefined;
  const decoderOptions = { onPacket: doNothing, onError: doNothing };

  const server = (): AsyncOSCUDPServer => new oscine.AsyncOSCUDPServer(LOCAL, new oscine.Dispatcher());
  const client = (): UDPClient => new oscine.UDPClient("127.0.0.1", 9);
  const connection = (): TCPClient => new oscine.TCPClient("127.0.0.1", 9, { reconnect: false });
  const dispatcher = (): Dispatcher => new oscine.Dispatcher();
  const player = (): Player => new oscine.Player(RECORDING, doNothing);
  const namespace = (): Namespace => {
    const described = new oscine.Namespace();
    described.add("/a", { types: "i" });
    return described;
  };
  const session = (): KeepAliveSession => client().keepAlive({ send: "/xremote", every: 8000 });
  const broadcaster = (): Broadcaster => new oscine.Broadcaster([["127.0.0.1", 9]]);
  const space = (): AddressSpace<string> => new oscine.AddressSpace();
  const publisher = (): Publisher => new oscine.Publisher({ send: doNothing });
  const scheduler = (): Scheduler<string> => new oscine.Scheduler<string>({ onDue: doNothing });
  const on = (make: () => object, ...args: readonly unknown[]): Example => ({ args, on: make });
  const of = (...args: readonly unknown[]): Example => ({ args });

  return {
    "new AsyncIOOSCUDPServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "AsyncIOOSCUDPServer.createServeEndpoint": on(server, {}),
    "AsyncIOOSCUDPServer.serve": on(server, {}),
    "AsyncIOOSCUDPServer.send": on(server, MESSAGE, CLIENT),
    "BlockingOSCTCPServer.send": on(() => new oscine.BlockingOSCTCPServer(LOCAL, new oscine.Dispatcher()), MESSAGE, CLIENT),
    "new AsyncOSCUDPServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "new AsyncOSCStreamServer": of(new PassThrough(), new oscine.Dispatcher(), {}),
    "new AsyncOSCTCPServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "new AsyncOSCWebSocketServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "AsyncOSCWebSocketServer.broadcast": on(() => new oscine.AsyncOSCWebSocketServer(LOCAL, new oscine.Dispatcher()), MESSAGE),
    "new BlockingOSCUDPServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "new BlockingOSCTCPServer": of(LOCAL, new oscine.Dispatcher(), {}),
    "new ThreadingOSCUDPServer": of(LOCAL, HANDLERS, {}),
    "new ThreadingOSCTCPServer": of(LOCAL, HANDLERS, {}),
    "new ForkingOSCUDPServer": of(LOCAL, HANDLERS, {}),
    "new ForkingOSCTCPServer": of(LOCAL, HANDLERS, {}),
    "new AddressSpace": of({}),
    "AddressSpace.add": on(space, "/a", "value"),
    "AddressSpace.at": on(space, "/a"),
    "AddressSpace.remove": on(space, "/a", "value"),
    "AddressSpace.find": on(space, "/a"),
    compilePattern: of("/a"),
    isPattern: of("/a"),
    matchAddress: of("/a", "/a"),
    validateMappedAddress: of("/a"),
    blob: of(BYTES),
    char: of("a"),
    color: of({ r: 1, g: 2, b: 3, a: 4 }),
    decode: of(BYTES, {}),
    double: of(1),
    encode: of(MESSAGE, {}),
    encodeInto: of(MESSAGE, new Uint8Array(64), 0, {}),
    encodeMessage: of("/a", 1, "i", {}),
    float: of(1),
    int: of(1),
    long: of(1n),
    midi: of(0, 144, 60, 64),
    string: of("a"),
    symbol: of("a"),
    timeTag: of(new Date()),
    "new OscBundle": of([MESSAGE], undefined),
    "new OscMessage": of("/a", 1, "i"),
    "OscMessage.withoutTypeTags": of("/a"),
    "new TimeTag": of(1, 0),
    "TimeTag.in": of(1),
    "TimeTag.from": of(1),
    "TimeTag.fromBigInt": of(1n),
    "new Dispatcher": of({}),
    "Dispatcher.map": on(dispatcher, "/a", doNothing, {}),
    "Dispatcher.unmap": on(
      () => {
        const mapped = dispatcher();
        mapped.map("/a", doNothing);
        return mapped;
      },
      "/a",
      doNothing,
      {},
    ),
    "Dispatcher.onBundle": on(dispatcher, doNothing, {}),
    "Dispatcher.offBundle": on(() => {
      const mapped = dispatcher();
      mapped.onBundle(doNothing);
      return mapped;
    }, doNothing),
    "Dispatcher.setDefaultHandler": on(dispatcher, doNothing, {}),
    "Dispatcher.handlersForAddress": on(dispatcher, "/a"),
    "Dispatcher.nearestAddress": on(dispatcher, "/a"),
    "Dispatcher.match": on(dispatcher, "/a"),
    "Dispatcher.callHandlersForPacket": on(dispatcher, BYTES, CLIENT, {}),
    "Dispatcher.asyncCallHandlersForPacket": on(dispatcher, BYTES, CLIENT, {}),
    "Dispatcher.freeze": on(dispatcher, "The program is running."),
    "new Handler": of("/a", doNothing, {}),
    "Handler.isMadeOf": on(() => new oscine.Handler("/a", doNothing), doNothing, {}),
    "new Publisher": of({ send: doNothing }, {}),
    "Publisher.publish": on(publisher, "/a", [1], CLIENT),
    "Publisher.subscribe": on(publisher, CLIENT),
    "Publisher.unsubscribe": on(publisher, CLIENT),
    "new Scheduler": of({ onDue: doNothing }),
    "Scheduler.schedule": on(scheduler, 1, "item", {}),
    "new AutoDecoder": of(decoderOptions),
    "AutoDecoder.push": on(() => new oscine.AutoDecoder(decoderOptions), BYTES),
    "AutoDecoder.end": on(() => new oscine.AutoDecoder(decoderOptions), "broken"),
    "LengthPrefixDecoder.end": on(() => new oscine.LengthPrefixDecoder(decoderOptions), "broken"),
    "new LengthPrefixDecoder": of(decoderOptions),
    "LengthPrefixDecoder.push": on(() => new oscine.LengthPrefixDecoder(decoderOptions), BYTES),
    "new SlipDecoder": of(decoderOptions),
    createFrameDecoder: of("1.1", decoderOptions),
    encodeFrame: of(BYTES, "1.1"),
    encodeFrames: of([BYTES], "1.1"),
    lengthPrefixEncode: of(BYTES),
    slipEncode: of(BYTES),
    formatAddress: of(CLIENT),
    bridge: of("osc.udp://127.0.0.1:0/", "osc.udp://127.0.0.1:9/", {}),
    fitPacket: of(MESSAGE, "max", {}),
    "new UDPClient": of("127.0.0.1", 9, {}),
    "new SimpleUDPClient": of("127.0.0.1", 9, {}),
    "new DispatchClient": of("127.0.0.1", 9, {}),
    "new TCPClient": of("127.0.0.1", 9, {}),
    "new SimpleTCPClient": of("127.0.0.1", 9, {}),
    "new TCPDispatchClient": of("127.0.0.1", 9, {}),
    "new StreamClient": of(new PassThrough(), {}),
    "new WebSocketClient": of("ws://127.0.0.1:9/", {}),
    "ConnectionClient.connect": on(connection, {}),
    "ConnectionClient.on": on(connection, "state", doNothing),
    "ConnectionClient.off": on(connection, "state", doNothing),
    "ConnectionClient.send": on(client, MESSAGE),
    "ConnectionClient.sendMessage": on(client, "/a", 1, "i"),
    "ConnectionClient.sendBundle": on(client, [MESSAGE], undefined),
    "ConnectionClient.sendBytes": on(client, BYTES),
    "ConnectionClient.messages": on(client, { timeout: 0 }),
    "ConnectionClient.receive": on(client, { timeout: 0 }),
    "ConnectionClient.handleMessages": on(client, { timeout: 0 }),
    "ConnectionClient.keepAlive": on(client, { send: "/xremote", every: 8000 }),
    "ConnectionClient.request": on(client, "/a", oscine.int(1), { timeout: 1, retries: 0 }),
    "DispatchClient.send": on(client, MESSAGE, {}),
    "new Broadcaster": of([["127.0.0.1", 9]], {}),
    "Broadcaster.send": on(broadcaster, MESSAGE),
    "Broadcaster.sendMessage": on(broadcaster, "/a", 1, "i"),
    "Broadcaster.sendBundle": on(broadcaster, [MESSAGE], undefined),
    "DispatchClient.sendBatch": on(client, [MESSAGE]),
    createRecording: of(join(tmpdir(), `oscine-wrong-arguments-${process.pid}.jsonl`), {}),
    openRecording: of(new URL("../vectors/packets.jsonl", import.meta.url), { format: "jsonl" }),
    readRecording: of(() => [BYTES], { format: "jsonl" }),
    createRecordingWriter: of("jsonl", null),
    serveOscQuery: of(new oscine.Namespace(), {}),
    "Namespace.add": on(namespace, "/b", {}),
    "Namespace.get": on(namespace, "/a"),
    "Namespace.node": on(namespace, "/a"),
    "Namespace.receive": on(namespace, "/a", MESSAGE, CLIENT),
    "Namespace.remove": on(namespace, "/a"),
    "Namespace.rename": on(namespace, "/a", "/b"),
    "Namespace.set": on(namespace, "/a", [1]),
    "Namespace.subscribe": on(namespace, doNothing),
    "Namespace.update": on(namespace, "/a", MESSAGE, null, null),
    "new Player": of(RECORDING, doNothing, {}),
    "Player.play": on(player, {}),
    "Player.seek": on(player, 0),
    "KeepAliveSession.on": on(session, "alive", doNothing),
    "KeepAliveSession.off": on(session, "alive", doNothing),
    "NatsExecutor.for": of({}),
    clientHeader: of(CLIENT),
    clientOf: of("127.0.0.1:9"),
    hasPassed: of("one two", "one"),
    viaHeader: of("one", "two"),
    addressToSubject: of("/a", "osc"),
    checkPrefix: of("osc"),
    deadPrefix: of("osc"),
    packetSubject: of(BYTES, "osc", null),
    partitionOf: of("osc.a", "osc"),
    patternToSubject: of("/a", "osc"),
    replyPrefix: of("osc"),
    subjectToAddress: of("osc.a", "osc"),
    subjectToAddressBytes: of("osc.a", "osc"),
    serveNats: of(HANDLERS.href, { servers: "nats://127.0.0.1:1" }),
  };
}

/** What isn't called with values of a program's own, and why. */
export const EXEMPT: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^new Osc\w*Error$/, "made by Oscine"],
  [/^new (?:Async|Blocking|Threading|Forking)Server$/, "made by their subclasses, which check"],
  [/^(?:new )?NatsLink\b|^new NatsExecutor$|^NatsExecutor\.(?:execute|close)$/, "made and called by servers and bridges"],
  [/^new RecordingFile$|^RecordingFile\./, "made by createRecording"],
  [/^new KeepAliveSession$|^KeepAliveSession\.hear$/, "made and called by clients"],
  [/^(?:new )?OscQueryClient\b|^advertise$|^browse$/, "they need a network: wrong values are tried in test/oscquery and test/discovery"],
  [/^Handler\.moveTo$|^Namespace\.(?:adopt|receiver)$|^new Namespace$/, "internal: called by dispatchers and servers"],
  [/\.verifyRequest$/, "overridden by programs and called by servers"],
  [/\.(?:findBytes|matchBytes|cacheAddress)$/, "called for every packet with what a server received"],
];
