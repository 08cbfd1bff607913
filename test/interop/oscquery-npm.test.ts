import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { afterEach, expect, test } from "vitest";
import { Namespace } from "../../src/namespace/index.ts";
import { OscQueryClient, serveOscQuery } from "../../src/oscquery/index.ts";
import { steadyPort } from "../steady-port.ts";
import { describeWith } from "./programs.ts";

/** What we use of oscquery of npm, which has no WebSocket. */
interface Library {
  readonly OSCQueryDiscovery: new () => { queryNewService(address: string, port: number): Promise<Discovered> };
  readonly OSCQueryServer: new (options: object) => {
    addMethod(path: string, method: object): void;
    setValue(path: string, index: number, value: unknown): void;
    start(): Promise<{ oscPort: number }>;
    stop(): Promise<void>;
  };
}

interface Discovered {
  readonly hostInfo: { readonly name: string; readonly oscPort: number };
  flat(): { readonly full_path: string; readonly access: unknown; readonly arguments: unknown; readonly description: string }[];
}

const bench = new URL("../../bench/", import.meta.url);
const PEER = {
  name: "oscquery of npm",
  install: "npm install --prefix bench",
  isPresent: () => existsSync(new URL("node_modules/oscquery/", bench)),
  isOptional: true,
};

describeWith([PEER], "oscquery of npm", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const library = (): Library => createRequire(bench)("oscquery") as Library;

  test("reads our host info, tree, ranges and values", async () => {
    const namespace = new Namespace();
    namespace.add("/foo", { types: "f", range: [{ min: 0, max: 100, clip: "both" }], value: [0.5], description: "test float node" });
    namespace.add("/bar/baz", { types: "is", access: "read", value: [4, "four"] });
    const server = await serveOscQuery(namespace, { name: "Mixer" });
    closers.push(() => server.close());
    const service = await new (library().OSCQueryDiscovery)().queryNewService("127.0.0.1", server.address.port);
    expect(service.hostInfo.name).toBe("Mixer");
    expect(service.flat()).toMatchObject([
      {
        full_path: "/foo",
        description: "test float node",
        access: 3,
        arguments: [{ type: "f", range: { min: 0, max: 100 }, clipmode: "both", value: 0.5 }],
      },
      {
        full_path: "/bar/baz",
        access: 1,
        arguments: [
          { type: "i", value: 4 },
          { type: "s", value: "four" },
        ],
      },
    ]);
  });

  test("is read by us: host info, tree, ranges, values and what changes", async () => {
    const { OSCQueryServer } = library();
    const httpPort = await steadyPort();
    const server = new OSCQueryServer({ bindAddress: "127.0.0.1", oscQueryHostName: "Theirs", oscPort: 9000, httpPort });
    const fader = { type: "f", range: { min: 0, max: 100 }, clipmode: "both" };
    server.addMethod("/foo", { description: "test float node", access: 3, arguments: [fader] });
    server.setValue("/foo", 0, 0.5);
    await server.start();
    closers.push(() => server.stop());
    await using client = await OscQueryClient.connect(`http://127.0.0.1:${httpPort}`);
    expect(client.hostInfo).toMatchObject({ name: "Theirs", oscPort: 9000, oscTransport: "UDP" });
    expect([...client.namespace]).toMatchObject([
      {
        address: "/foo",
        value: [0.5],
        description: { types: "f", range: [{ min: 0, max: 100, clip: "both" }], description: "test float node" },
      },
    ]);
    server.setValue("/foo", 0, 7);
    expect(await client.get("/foo")).toEqual([7]);
  });
});
