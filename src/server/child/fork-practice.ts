import { OscBundle, OscMessage, blob, encode } from "../../codec/index.ts";
import { Dispatcher } from "../../dispatch/index.ts";
import type { WorkerService } from "../pool/worker-role.ts";
import { serviceOfServer } from "../pool/worker-service.ts";
import { encodeOrder } from "./fork-frames.ts";

/** What is practised with: handlers of its own, for those of the program are not to notice anything. More than one, so that V8 expects others. */
export function practiceService(): WorkerService {
  const dispatcher = new Dispatcher();
  dispatcher.map("/practice/reply", (address, ...values) => [address, ...(values as number[])]);
  dispatcher.map("/practice/silent", (_address, value) => void value);
  const server = { verifyRequest: () => true };
  const limits = { strict: false, maxNesting: 2, maxPacketSize: 1024 };
  const worker = { role: "process", target: null, addresses: [], loading: false, serve: never, shutdown: () => undefined } as const;
  return serviceOfServer(server, dispatcher, limits, worker);
}

/** Orders as they come from the server, without their sizes. */
export function practiceOrders(): Buffer[] {
  const values = [1, 0.5, "text", true, blob(new Uint8Array(1))];
  const messages = [
    new OscMessage("/practice/reply", [1]),
    new OscMessage("/practice/reply", values),
    new OscMessage("/practice/silent", [1]),
  ];
  const client = { address: "127.0.0.1", port: 1, family: "IPv4" } as const;
  return [...messages, new OscBundle(messages[0] as OscMessage)].map((packet, index) => {
    const order = encodeOrder({ type: "fork", id: index, packet: { data: encode(packet), client, asOf: index + 0.5 } });
    return Buffer.from(order.subarray(4));
  });
}

function never(): never {
  throw new Error("it is only for practice");
}
