import { expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { AsyncOSCTCPServer, AsyncOSCUDPServer, AsyncOSCWebSocketServer } from "../../src/server/index.ts";

const servers = [
  ["UDP", () => new AsyncOSCUDPServer(["127.0.0.1", 0], new Dispatcher())],
  ["TCP", () => new AsyncOSCTCPServer(["127.0.0.1", 0], new Dispatcher())],
  ["WebSocket", () => new AsyncOSCWebSocketServer(["127.0.0.1", 0], new Dispatcher())],
] as const;

test.each(servers)(
  "an async %s server that is closed while it opens has ended when close() resolves, and may serve again",
  async (_name, make) => {
    const server = make();
    const serving = server.serve();
    await server.close();
    await serving;
    expect(server.serverAddress.port).toBe(0);
    const [transport] = await server.createServeEndpoint();
    expect(server.serverAddress.port).toBeGreaterThan(0);
    await transport.close();
  },
);
