import { once } from "node:events";
import { type IncomingMessage, type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { OscMessage, encode, float } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { Namespace, type NamespaceChange } from "../../src/namespace/index.ts";
import { OscQueryClient, serveOscQuery } from "../../src/oscquery/index.ts";
import { Peer, ask, closers, proposal, serve } from "./peer.ts";

describe("HTTP", () => {
  test("a node is answered with everything below it", async () => {
    const { status, body, headers } = await ask(await serve(proposal()), "/");
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "content-type": "application/json", "access-control-allow-origin": "*" });
    expect(body).toEqual({
      FULL_PATH: "/",
      ACCESS: 0,
      CONTENTS: {
        foo: { FULL_PATH: "/foo", TYPE: "f", ACCESS: 3, VALUE: [0.5], RANGE: [{ MIN: 0, MAX: 100 }], DESCRIPTION: "test float node" },
        bar: {
          FULL_PATH: "/bar",
          ACCESS: 0,
          CONTENTS: {
            baz: {
              FULL_PATH: "/bar/baz",
              TYPE: "i",
              ACCESS: 2,
              RANGE: [{ MIN: 0, MAX: 100 }],
              CLIPMODE: ["both"],
              DESCRIPTION: "test integer node",
            },
            color: { FULL_PATH: "/bar/color", TYPE: "r", ACCESS: 3, VALUE: ["#FF0010FF"], TAGS: ["light"] },
            many: {
              FULL_PATH: "/bar/many",
              TYPE: "ifT[s]",
              ACCESS: 3,
              RANGE: [{ VALS: [0, 2, 4] }, {}],
              UNIT: ["time.second", "gain.db"],
              EXTENDED_TYPE: ["a", "b"],
              CRITICAL: true,
            },
          },
        },
      },
    });
  });

  test.each([
    ["/foo?VALUE", 200, { VALUE: [0.5] }],
    ["/foo?RANGE", 200, { RANGE: [{ MIN: 0, MAX: 100 }] }],
    ["/foo?FULL_PATH", 200, { FULL_PATH: "/foo" }],
    ["/foo?VALUE#fragment", 200, { VALUE: [0.5] }],
    ["/f%6Fo?VALUE", 200, { VALUE: [0.5] }],
    ["/bar/?FULL_PATH", 200, { FULL_PATH: "/bar" }],
    ["/bar/baz?VALUE", 204, null],
    ["/bar?VALUE", 204, null],
    ["/foo?NONSENSE", 400, null],
    ["/foo?VALUE&RANGE", 400, null],
    ["/%E0%A4%A?VALUE", 400, null],
    ["/nothing", 404, null],
    ["/__proto__", 404, null],
    ["/%C3%A9", 404, null],
  ])("%s is answered with %i", async (path, status, body) => {
    expect(await ask(await serve(proposal()), path)).toMatchObject({ status, body });
  });

  test("HEAD is GET without a body, and nothing else is allowed", async () => {
    const server = await serve(proposal());
    const head = await ask(server, "/foo", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: null });
    expect(Number(head.headers["content-length"])).toBeGreaterThan(50);
    expect(await ask(server, "/foo", { method: "POST" })).toMatchObject({ status: 405 });
  });

  test("HOST_INFO names the server and where its OSC server is", async () => {
    const osc = { serverAddress: { address: "0.0.0.0", port: 9000, family: "IPv4" } } as const;
    const { body } = await ask(await serve(proposal(), { name: "Mixer", server: osc, transport: "TCP" }), "/foo?HOST_INFO");
    expect(body).toMatchObject({
      NAME: "Mixer",
      OSC_IP: "127.0.0.1",
      OSC_PORT: 9000,
      OSC_TRANSPORT: "TCP",
      EXTENSIONS: { VALUE: true, LISTEN: true, PATH_RENAMED: true },
    });
  });

  test("a name that others can point at this machine is refused, unless it is listed", async () => {
    const server = await serve(proposal(), { hosts: ["stage.example.org"] });
    expect(await ask(server, "/foo", { host: "evil.example.org" })).toMatchObject({ status: 421, body: null });
    for (const host of ["stage.example.org:80", "localhost", "127.0.0.1:1", "mixer.local"])
      expect(await ask(server, "/foo", { host })).toMatchObject({ status: 200 });
  });

  test("10,000 methods are served in well under a second, however they are called", async () => {
    const namespace = new Namespace();
    for (let index = 0; index < 10_000; index++)
      namespace.add(`/group${index % 100}/__proto__/method${index}`, { types: "f", value: [index / 8], range: [{ min: 0, max: 1e6 }] });
    const { body } = await ask(await serve(namespace), "/");
    const { CONTENTS } = (body as { CONTENTS: Record<string, { CONTENTS: object }> }).CONTENTS["group7"] ?? {};
    const own: unknown = Object.getOwnPropertyDescriptor(CONTENTS, "__proto__")?.value;
    expect(own).toMatchObject({ CONTENTS: { method7: { VALUE: [0.875] } } });
  });
});

describe("WebSocket", () => {
  test("LISTEN gives the value at once and every change, until IGNORE", async () => {
    const namespace = proposal();
    const peer = await new Peer(await serve(namespace)).open();
    peer.command("LISTEN", "/foo");
    await peer.until(1);
    namespace.set("/foo", [0.25]);
    namespace.set("/bar/color", [{ r: 1, g: 2, b: 3, a: 4 }]);
    await peer.until(2);
    peer.command("IGNORE", "/foo");
    // The answer to this command comes after the other was read.
    peer.command("LISTEN", "/bar/color");
    await peer.until(3);
    namespace.set("/foo", [1]);
    namespace.set("/bar/color", [{ r: 4, g: 2, b: 3, a: 4 }]);
    expect(await peer.until(4)).toEqual([
      new OscMessage("/foo", [float(0.5)]),
      new OscMessage("/foo", [float(0.25)]),
      expect.objectContaining({ address: "/bar/color" }),
      expect.objectContaining({ address: "/bar/color" }),
    ]);
  });

  test.each([
    ["a list", ["/foo", true]],
    ["an object", { address: "/foo", sendFeedback: true }],
  ])("LISTEN is understood with %s, as Chataigne sends it", async (_name, data) => {
    const peer = await new Peer(await serve(proposal())).open();
    peer.command("LISTEN", data);
    expect(await peer.until(1)).toEqual([new OscMessage("/foo", [float(0.5)])]);
  });

  test("Chataigne has a session as with its own kind: it asks, listens in all its ways, and sends", async () => {
    const namespace = proposal();
    const server = await serve(namespace, { name: "Mixer" });
    expect(await ask(server, "/?HOST_INFO")).toMatchObject({ body: { NAME: "Mixer", EXTENSIONS: { LISTEN: true, PATH_CHANGED: true } } });
    expect(await ask(server, "/")).toMatchObject({ body: { CONTENTS: { foo: { TYPE: "f" } } } });
    const chataigne = await new Peer(server).open();
    for (const data of ["/foo", ["/foo", false], { address: "/foo", sendFeedback: false }]) {
      chataigne.command("LISTEN", data);
      chataigne.command("IGNORE", data);
    }
    expect(await chataigne.until(3)).toEqual(Array.from({ length: 3 }, () => new OscMessage("/foo", [float(0.5)])));
    const changed = new Promise<NamespaceChange>((resolve) => void namespace.subscribe(resolve));
    chataigne.socket.send(encode(new OscMessage("/foo", [2])));
    expect(await changed).toMatchObject({ kind: "value", method: { address: "/foo", value: [2], types: "f" } });
  });

  test("binary messages reach the handlers, and the sender doesn't get its own change back", async () => {
    const dispatcher = new Dispatcher();
    const got: unknown[] = [];
    dispatcher.map("/gain", { types: "f", value: [0] }, (_address, gain) => {
      got.push(gain);
      return ["/gain/set", gain];
    });
    const server = await serve(dispatcher);
    const [sender, other] = await Promise.all([new Peer(server).open(), new Peer(server).open()]);
    for (const peer of [sender, other]) peer.command("LISTEN", "/gain");
    await Promise.all([sender.until(1), other.until(1)]);
    sender.socket.send(encode(new OscMessage("/gain", [float(0.5)])));
    expect(await other.until(2)).toContainEqual(new OscMessage("/gain", [float(0.5)]));
    expect(await sender.until(2)).toEqual([new OscMessage("/gain", [float(0)]), expect.objectContaining({ address: "/gain/set" })]);
    expect(got).toEqual([0.5]);
  });

  test("a namespace alone takes the values of binary messages", async () => {
    const namespace = proposal();
    const server = await serve(namespace);
    const peer = await new Peer(server).open();
    const changed = new Promise<NamespaceChange>((resolve) => void namespace.subscribe(resolve));
    peer.socket.send(encode(new OscMessage("/foo", [float(7)])));
    expect(await changed).toMatchObject({ kind: "value", method: { address: "/foo", value: [7] } });
  });

  test("changes of the tree are told to everyone", async () => {
    const namespace = proposal();
    const peer = await new Peer(await serve(namespace)).open();
    namespace.add("/new", { types: "s" });
    namespace.add("/new", { types: "s", description: "better" });
    namespace.rename("/new", "/old");
    namespace.remove("/old");
    expect(await peer.until(4)).toEqual([
      { COMMAND: "PATH_ADDED", DATA: "/new" },
      { COMMAND: "PATH_CHANGED", DATA: "/new" },
      { COMMAND: "PATH_RENAMED", DATA: { OLD: "/new", NEW: "/old" } },
      { COMMAND: "PATH_REMOVED", DATA: "/old" },
    ]);
  });

  test("pages of other sites and clients beyond maxConnections are refused and counted", async () => {
    const errors: string[] = [];
    const server = await serve(proposal(), { maxConnections: 1, onError: ({ message }) => errors.push(message) });
    const refused = async (headers: Record<string, string>): Promise<number | undefined> => {
      const { socket } = new Peer(server, headers);
      const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
      return response.statusCode;
    };
    expect(await refused({ Origin: "https://evil.example.org" })).toBe(403);
    expect(await refused({ Host: "evil.example.org" })).toBe(421);
    await new Peer(server).open();
    expect(await refused({})).toBe(503);
    expect(server.stats()).toMatchObject({ connections: 1, connectionsRefused: 3 });
    expect(errors).toEqual([
      expect.stringContaining("option origins"),
      expect.stringContaining("option hosts"),
      expect.stringContaining("maxConnections"),
    ]);
  });

  test("rubbish, methods that don't exist and too many listeners cost nothing but a few reports", async () => {
    const errors: OscError[] = [];
    const namespace = proposal();
    const server = await serve(namespace, { maxListeners: 1, onError: (error) => errors.push(error) });
    const peer = await new Peer(server).open();
    for (const text of ["", "{", "null", "[]", '{"COMMAND":5}', '{"COMMAND":"LISTEN"}', '{"COMMAND":"LISTEN","DATA":"/__proto__"}'])
      peer.socket.send(text);
    for (let index = 0; index < 1000; index++) peer.command("LISTEN", `/no/such/${index}`);
    peer.socket.send(Buffer.from("rubbish"));
    peer.command("LISTEN", "/foo");
    peer.command("LISTEN", "/bar/color");
    namespace.set("/foo", [1]);
    await peer.until(1);
    peer.socket.close();
    await once(peer.socket, "close");
    expect(errors.length).toBeLessThan(20);
    await expect.poll(() => server.stats().connections).toBe(0);
  });

  test("values of any length come, also such as are longer than maxBuffered", async () => {
    const namespace = new Namespace();
    namespace.add("/text", { types: "s", value: [""] });
    const peer = await new Peer(await serve(namespace, { maxBuffered: 1 })).open();
    peer.command("LISTEN", "/text");
    for (const [index, length] of [0, 100, 125, 126, 65_500, 65_536, 200_000].entries()) {
      if (index > 0) namespace.set("/text", ["x".repeat(length)]);
      expect((await peer.until(index + 1))[index]).toEqual(new OscMessage("/text", ["x".repeat(length)]));
    }
  });

  test("a client that reads slowly gets the newest values once it reads on, and others get all", async () => {
    const namespace = new Namespace();
    namespace.add("/level", { types: "is", value: [0, ""] });
    const server = await serve(namespace, { maxBuffered: 64 * 1024 });
    const [slow, quick] = await Promise.all([new Peer(server).open(), new Peer(server).open()]);
    for (const peer of [slow, quick]) peer.command("LISTEN", "/level");
    await Promise.all([slow.until(1), quick.until(1)]);
    slow.socket.pause();
    const text = "x".repeat(4000);
    const ROUNDS = 3000;
    for (let round = 1; round <= ROUNDS; round++) {
      namespace.set("/level", [round, text]);
      if (round % 10 === 0) await quick.until(round + 1);
    }
    expect(await quick.until(ROUNDS + 1)).toHaveLength(ROUNDS + 1);
    slow.socket.resume();
    await expect.poll(() => (slow.got.at(-1) as OscMessage).args[0]).toBe(ROUNDS);
    expect(slow.got.length).toBeLessThan(ROUNDS);
    expect(server.stats().replaced).toBeGreaterThan(0);
  });
});

describe("OscQueryClient", () => {
  async function connect(url: string, errors: OscError[] = []): Promise<OscQueryClient> {
    const client = await OscQueryClient.connect(url, { reconnectDelay: 10, onError: (error) => errors.push(error) });
    closers.push(() => client.close());
    return client;
  }

  test("reads the tree and the values of our own server, sets and follows them", async () => {
    const namespace = proposal();
    const server = await serve(namespace, { name: "Mixer" });
    const client = await connect(server.url);
    expect(client.hostInfo).toMatchObject({ name: "Mixer", oscPort: server.address.port, oscTransport: "UDP" });
    expect([...client.namespace].map(({ address, value }) => [address, value])).toEqual([
      ["/foo", [0.5]],
      ["/bar/baz", null],
      ["/bar/color", [{ r: 255, g: 0, b: 16, a: 255 }]],
      ["/bar/many", null],
    ]);
    expect(client.namespace.get("/bar/baz")?.description).toMatchObject({
      access: "write",
      types: "i",
      range: [{ min: 0, max: 100, clip: "both" }],
    });
    await client.set("/foo", 3);
    await expect.poll(() => namespace.get("/foo")?.value).toEqual([3]);
    expect(await client.get("/foo")).toEqual([3]);
    expect(await client.get("/bar/baz")).toBeNull();
    const values: unknown[] = [];
    for await (const { args } of client.listen("/foo")) {
      values.push(args[0]);
      if (values.length === 3) break;
      namespace.set("/foo", [values.length]);
    }
    expect(values).toEqual([3, 1, 2]);
    await expect.poll(() => server.stats().listeners).toBe(0);
  });

  test("mirrors values and the tree", async () => {
    const namespace = proposal();
    const client = await connect((await serve(namespace)).url);
    const mirror = await client.mirror();
    namespace.set("/foo", [9]);
    namespace.add("/new", { types: "i", value: [5] });
    namespace.remove("/bar/color");
    await expect
      .poll(() => [mirror.get("/foo")?.value, mirror.get("/new")?.value, mirror.get("/bar/color")])
      .toEqual([[9], [5], undefined]);
    namespace.set("/new", [6]);
    await expect.poll(() => mirror.get("/new")?.value).toEqual([6]);
  });

  test("reads the values again with the tree, and tells only of what has changed", async () => {
    const namespace = proposal();
    const client = await connect((await serve(namespace)).url);
    const changes: unknown[] = [];
    client.namespace.subscribe((change) => changes.push(change.kind === "value" ? [change.method.address, change.method.value] : change));
    namespace.set("/foo", [0.1]);
    namespace.add("/foo", { types: "f", description: "better" });
    namespace.add("/new", { types: "i", value: [1] });
    await client.refresh();
    await client.refresh();
    expect(changes).toEqual([{ kind: "described", address: "/foo" }, ["/foo", [Math.fround(0.1)]], { kind: "added", address: "/new" }]);
  });

  test("goes on listening after the server was away", async () => {
    const first = await serveOscQuery(proposal());
    const errors: OscError[] = [];
    const client = await connect(first.url, errors);
    const values: unknown[] = [];
    const reading = (async () => {
      for await (const { args } of client.listen("/foo")) values.push(args[0]);
    })();
    await expect.poll(() => values).toEqual([0.5]);
    await first.close();
    const again = proposal();
    again.set("/foo", [42]);
    await serve(again, { port: first.address.port });
    await expect.poll(() => values).toEqual([0.5, 42]);
    expect(errors).toEqual([expect.objectContaining({ code: "OSC_QUERY_UNREACHABLE", message: expect.stringContaining("was lost") })]);
    await client.close();
    await reading;
  });

  /** A server of another make: what it answers to each path with its query. */
  async function other(answers: Record<string, unknown>): Promise<{ url: string; texts: string[]; sockets: WebSocketServer }> {
    const texts: string[] = [];
    const answer: RequestListener = ({ url = "" }, response) => {
      const body = answers[url] ?? answers[url.split("?")[0] ?? ""];
      response.writeHead(body === undefined ? 404 : 200).end(typeof body === "string" ? body : JSON.stringify(body));
    };
    const http = createServer(answer).listen(0, "127.0.0.1");
    await once(http, "listening");
    const sockets = new WebSocketServer({ server: http });
    sockets.on("connection", (socket) => socket.on("message", (data: Buffer, isBinary) => void (isBinary || texts.push(data.toString()))));
    closers.push(async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    });
    return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, texts, sockets };
  }

  test("understands VRChat, which answers every query with the whole node", async () => {
    const tree = {
      FULL_PATH: "/",
      ACCESS: 0,
      CONTENTS: {
        avatar: {
          FULL_PATH: "/avatar",
          ACCESS: 0,
          CONTENTS: {
            change: { FULL_PATH: "/avatar/change", ACCESS: 1, TYPE: "s", VALUE: ["avtr_1"] },
            parameters: {
              FULL_PATH: "/avatar/parameters",
              CONTENTS: { Voice: { FULL_PATH: "/avatar/parameters/Voice", ACCESS: 3, TYPE: "f", VALUE: [0.25] } },
            },
          },
        },
      },
    };
    const { url } = await other({
      "/": tree,
      "/?HOST_INFO": {
        NAME: "VRChat-Client-ABCDEF",
        OSC_IP: "127.0.0.1",
        OSC_PORT: 9000,
        OSC_TRANSPORT: "UDP",
        EXTENSIONS: { ACCESS: true, VALUE: true },
      },
    });
    const client = await connect(url);
    expect(client.hostInfo).toMatchObject({ name: "VRChat-Client-ABCDEF", oscPort: 9000 });
    expect([...client.namespace].map(({ address, value }) => [address, value])).toEqual([
      ["/avatar/change", ["avtr_1"]],
      ["/avatar/parameters/Voice", [0.25]],
    ]);
  });

  test("understands RNBO: values without a list, null for booleans, nodes with both a type and contents", async () => {
    const tree = {
      FULL_PATH: "/",
      CONTENTS: {
        rnbo: {
          FULL_PATH: "/rnbo",
          TYPE: "i",
          VALUE: 3,
          CONTENTS: {
            on: { FULL_PATH: "/rnbo/on", TYPE: "T", VALUE: null },
            off: { FULL_PATH: "/rnbo/off", TYPE: "F", VALUE: [null] },
            gain: { FULL_PATH: "/rnbo/gain", TYPE: "f", VALUE: 0.5, RANGE: [{ MIN: 0, MAX: 1 }] },
          },
        },
      },
    };
    const client = await connect((await other({ "/": tree, "/?HOST_INFO": {} })).url);
    expect([...client.namespace].map(({ address, value }) => [address, value])).toEqual([
      ["/rnbo", [3]],
      ["/rnbo/on", [true]],
      ["/rnbo/off", [false]],
      ["/rnbo/gain", [0.5]],
    ]);
  });

  test("understands libossia, which tells of changed attributes, and another host for the WebSocket", async () => {
    const answers: Record<string, unknown> = { "/": { FULL_PATH: "/", CONTENTS: { a: { FULL_PATH: "/a", TYPE: "f", VALUE: [1] } } } };
    const { url, sockets } = await other(answers);
    answers["/?HOST_INFO"] = { NAME: "ossia", WS_IP: "127.0.0.1", WS_PORT: Number(new URL(url).port), OSC_TRANSPORT: "udp" };
    const client = await connect(url);
    await client.mirror();
    answers["/a"] = { FULL_PATH: "/a", TYPE: "f", VALUE: [1], DESCRIPTION: "changed" };
    for (const socket of sockets.clients) socket.send(JSON.stringify({ COMMAND: "ATTRIBUTES_CHANGED", DATA: "/a" }));
    await expect.poll(() => client.namespace.get("/a")?.description.description).toBe("changed");
    expect(client.hostInfo.oscTransport).toBe("UDP");
  });

  test("understands Chataigne, which answers for containers only, and sends no value at first but every change to all others", async () => {
    const gain = { DESCRIPTION: "Gain", FULL_PATH: "/mixer/gain", ACCESS: 3, TYPE: "f", VALUE: [0.5], RANGE: [{ MIN: 0, MAX: 1 }] };
    const on = { DESCRIPTION: "On", FULL_PATH: "/mixer/on", ACCESS: 3, TYPE: "T", VALUE: [true] };
    const mixer = { DESCRIPTION: "Mixer", FULL_PATH: "/mixer", ACCESS: 0, CONTENTS: { gain, on } };
    const { url, sockets } = await other({
      "/": { DESCRIPTION: "Root", FULL_PATH: "/", ACCESS: 0, CONTENTS: { mixer } },
      "/mixer": mixer,
      "/mixer/gain": "null",
      "/?HOST_INFO": {
        NAME: "Chataigne - show",
        OSC_PORT: 42_000,
        OSC_TRANSPORT: "UDP",
        EXTENSIONS: { ACCESS: true, CLIPMODE: false, RANGE: true, TYPE: true, UNIT: false, VALUE: true, LISTEN: true },
        METADATA: { os: "Linux", version: "1.9.24" },
      },
    });
    const listening = new Set<string>();
    sockets.on("connection", (socket) => {
      socket.on("message", (data: Buffer, isBinary) => {
        if (isBinary) {
          for (const each of sockets.clients) if (each !== socket) each.send(data);
          return;
        }
        const { COMMAND, DATA } = JSON.parse(data.toString()) as { COMMAND: string; DATA: unknown };
        if (COMMAND === "LISTEN" && typeof DATA === "string") listening.add(DATA);
        else if (COMMAND === "IGNORE" && typeof DATA === "string") listening.delete(DATA);
      });
    });
    const [client, second] = [await connect(url), await connect(url)];
    expect(client.hostInfo).toMatchObject({ name: "Chataigne - show", oscPort: 42_000, extensions: { LISTEN: true, UNIT: false } });
    expect([...client.namespace].map(({ address, value }) => [address, value])).toEqual([
      ["/mixer/gain", [0.5]],
      ["/mixer/on", [true]],
    ]);
    expect(await client.get("/mixer/gain")).toEqual([0.5]);
    await client.mirror();
    await expect.poll(() => [...listening]).toEqual(["/mixer/gain", "/mixer/on"]);
    await second.set("/mixer/gain", 0.25);
    await second.set("/mixer/on", false);
    await expect.poll(() => [...client.namespace].map(({ value }) => value)).toEqual([[0.25], [false]]);
  });

  test("a server that floods with changes is read one node at a time, and then as a whole", async () => {
    const paths: string[] = [];
    const tree = { FULL_PATH: "/", CONTENTS: { a: { FULL_PATH: "/a", TYPE: "f" } } };
    const http = createServer(({ url = "" }, response) => {
      paths.push(url);
      response.end(JSON.stringify(url === "/" ? tree : { FULL_PATH: url, TYPE: "f", DESCRIPTION: "x".repeat(300) }));
    }).listen(0, "127.0.0.1");
    await once(http, "listening");
    const sockets = new WebSocketServer({ server: http });
    closers.push(
      () => http.close(),
      () => sockets.close(),
    );
    const client = await OscQueryClient.connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { maxSize: 10_000 });
    closers.push(() => client.close());
    await client.mirror();
    for (const socket of sockets.clients) {
      for (let index = 0; index < 5000; index++) socket.send(JSON.stringify({ COMMAND: "PATH_ADDED", DATA: `/flood/${index}` }));
    }
    // The whole tree is read again, and with it goes all that the flood has added.
    await expect.poll(() => paths.filter((path) => path === "/").length).toBeGreaterThan(1);
    expect(client.namespace.size).toBeLessThan(100);
  });

  test("a server that lies, or isn't one, is an error of ours or is left out", async () => {
    const bad = {
      "/": {
        FULL_PATH: "/",
        CONTENTS: {
          a: { FULL_PATH: "/a b*", TYPE: "f" },
          b: { FULL_PATH: 5, TYPE: "f" },
          c: null,
          d: { FULL_PATH: "/d", TYPE: "zzz", VALUE: [{}] },
          e: { FULL_PATH: "/e", TYPE: "f", RANGE: [{ MIN: 5, MAX: 1 }], VALUE: ["x"] },
        },
      },
      "/?HOST_INFO": [],
    };
    const errors: OscError[] = [];
    const client = await connect((await other(bad)).url, errors);
    expect([...client.namespace].map(({ address }) => address)).toEqual(["/d", "/e"]);
    expect(errors.map(({ code }) => code)).toEqual(["OSC_QUERY_ANSWER"]);
    await expect(OscQueryClient.connect((await other({ "/?HOST_INFO": "<html>" })).url)).rejects.toMatchObject({
      code: "OSC_QUERY_ANSWER",
    });
    await expect(OscQueryClient.connect((await other({})).url)).rejects.toMatchObject({ code: "OSC_QUERY_ANSWER" });
    await expect(OscQueryClient.connect("http://127.0.0.1:9", { timeout: 500 })).rejects.toMatchObject({ code: "OSC_QUERY_UNREACHABLE" });
    const large = { "/": { FULL_PATH: "/", DESCRIPTION: "x".repeat(5000) }, "/?HOST_INFO": {} };
    await expect(OscQueryClient.connect((await other(large)).url, { maxSize: 1024 })).rejects.toThrow(/maxSize/);
    for (const url of ["ws://127.0.0.1", "http://user:secret@127.0.0.1"]) {
      const error = await OscQueryClient.connect(url).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "OSC_OPTION", message: expect.not.stringContaining("secret") });
    }
  });
});

test("bad arguments throw at once", async () => {
  await expect(serveOscQuery({} as never)).rejects.toMatchObject({ code: "OSC_OPTION" });
  await expect(serveOscQuery(new Namespace(), { prot: 1 } as never)).rejects.toThrow(/port/);
  await expect(serveOscQuery(new Namespace(), { server: {} as never })).rejects.toThrow(/serverAddress/);
  const server = await serve(new Namespace());
  await expect(serveOscQuery(new Namespace(), { port: server.address.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
