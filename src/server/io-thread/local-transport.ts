import { loadLibc } from "../../transport/native/libc.ts";
import type { Transport, TransportEvents } from "../../transport/transport.ts";
import type { Backend } from "../stats.ts";
import { type LocalTransportSpec, createTransport } from "../transports.ts";
import { ReceiverTransport } from "./receiver-transport.ts";

/** The transport that a spec describes, for a server of the event loop. */
export function createLocalTransport(spec: LocalTransportSpec, events: TransportEvents, backend: Backend): Transport {
  const hasReceiver = spec.transport === "udp" && spec.receiver === "thread" && backend === "native";
  return hasReceiver ? new ReceiverTransport(loadLibc(), spec, events) : createTransport(spec, events, backend);
}
