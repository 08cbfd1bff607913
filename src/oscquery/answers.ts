import type { IncomingMessage, ServerResponse } from "node:http";
import { MemoryBudget } from "../transport/memory-budget.ts";

/**
 * Answers HTTP requests, one at a time over each connection. A client that asks again before it has its answer could have a whole tree made for
 * each line that it sends, so its connection is ended; so is the one with the most unread bytes if all together exceed the limit.
 */
export class HttpAnswers {
  readonly #memory: MemoryBudget;
  readonly #onEvicted: () => void;

  constructor(maxBytes: number, onEvicted: () => void) {
    this.#memory = new MemoryBudget(maxBytes);
    this.#onEvicted = onEvicted;
  }

  /** Whether the request may be answered. Ends the connection if it may not. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    // Node gives a response its socket when those before it are out.
    if (response.socket !== null) return true;
    request.socket.destroy();
    return false;
  }

  json(response: ServerResponse, text: string): void {
    const body = Buffer.from(text);
    const account = this.#memory.open(() => {
      this.#onEvicted();
      response.destroy();
    });
    response.once("close", () => account.close());
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
    account.set(body.length);
  }

  empty(response: ServerResponse, status: number): void {
    response.writeHead(status, { "Content-Length": 0 }).end();
  }
}
