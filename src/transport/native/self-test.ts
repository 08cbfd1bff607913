import { isMainThread } from "node:worker_threads";
import { MessageBatch } from "./batch.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { NativeUdpSocket } from "./socket.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

const PATIENCE_MS = 1000;
/** Datagrams of several sizes, so that a wrong layout shows. */
const SIZES = [1, 37, 1500];

let result: Libc | Error | undefined;

/** The system calls if they work here, else the reason why they don't. Tested at the first call. */
export function nativeSockets(): Libc | Error {
  if (result !== undefined) return result;
  try {
    // Ending a thread while it loads koffi aborts the process, and a thread in a system call can't be ended at all.
    if (!isMainThread) throw new Error("native sockets are used in the main thread only");
    // Its dgram module can't adopt a socket.
    if (process.versions["deno"] !== undefined) throw new Error("native sockets are not used on Deno");
    // In a cluster, Node's own sockets share a port with the other processes.
    const { isWorker } = process.getBuiltinModule("node:cluster") as unknown as { readonly isWorker: boolean };
    if (isWorker) throw new Error("native sockets are not used in clusters");
    const libc = loadLibc();
    test(libc);
    result = libc;
  } catch (error) {
    result = error instanceof Error ? error : new Error(String(error));
  }
  return result;
}

/** Sends datagrams to itself, and checks that they, their sender and an error arrive as expected. */
function test(libc: Libc): void {
  const socket = NativeUdpSocket.open(libc, "127.0.0.1", 0, {});
  try {
    const { port } = socket.localAddress;
    const address = encodeSocketAddress(libc, "127.0.0.1", port);
    for (const size of SIZES) socket.send(new Uint8Array(size).fill(size), address, PATIENCE_MS);
    const batch = new MessageBatch(libc);
    for (let came = 0; came < SIZES.length;) {
      socket.wait(PATIENCE_MS);
      const count = batch.receive(socket.fd, SIZES.length, "look");
      if (count === 0) throw new Error("a datagram did not arrive");
      for (let index = 0; index < count; index += 1) expectDatagram(libc, batch, index, SIZES[came + index] ?? 0, port);
      came += count;
    }
    if (errorOfSecond(libc, port) !== "EADDRINUSE") throw new Error("an error was not reported as expected");
  } finally {
    socket.close();
  }
}

function expectDatagram(libc: Libc, batch: MessageBatch, index: number, size: number, port: number): void {
  const data = batch.data(index);
  const sender = decodeSocketAddress(libc, batch.sender(index));
  const isRight =
    data.length === size && data.every((byte) => byte === size % 256) && sender.address === "127.0.0.1" && sender.port === port;
  if (!isRight) throw new Error("a datagram did not arrive as it was sent");
}

function errorOfSecond(libc: Libc, port: number): unknown {
  try {
    NativeUdpSocket.open(libc, "127.0.0.1", port, {}).close();
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
