import { onTestFinished } from "vitest";
import { DispatchClient, type DispatchClientOptions, SimpleUDPClient, UDPClient, type UDPClientOptions } from "../../src/client/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";

export interface Report {
  readonly error: OscError;
  readonly address: NetAddress | undefined;
}

/** What a client gave to `onError`, to be awaited. */
export class Reports {
  readonly all: Report[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly listener = (error: OscError, address?: NetAddress): void => {
    this.all.push({ error, address });
    for (const resume of this.#waiting.splice(0)) resume();
  };

  get codes(): string[] {
    return this.all.map(({ error }) => error.code);
  }

  /** Resolves once there are that many. */
  async atLeast(count: number): Promise<Report[]> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    return this.all;
  }
}

/** A client that is closed when the test is over. */
export function udpClient(port: number, options: UDPClientOptions = {}, host = "127.0.0.1"): UDPClient {
  return closedAtEnd(new UDPClient(host, port, options));
}

export function simpleClient(port: number, options: UDPClientOptions = {}): SimpleUDPClient {
  return closedAtEnd(new SimpleUDPClient("127.0.0.1", port, options));
}

export function dispatchClient(port: number, options: DispatchClientOptions = {}): DispatchClient {
  return closedAtEnd(new DispatchClient("127.0.0.1", port, options));
}

function closedAtEnd<Client extends UDPClient>(client: Client): Client {
  onTestFinished(() => client.close());
  return client;
}

/** The client's port, once it is open. */
export async function portOf(client: UDPClient): Promise<number> {
  return (await client.open()).port;
}

/** Everything that an iteration gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}
