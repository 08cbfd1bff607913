import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import { SEND, readSendOptions } from "../../src/cli/send.ts";
import { type OscMessage, RECEIVERS, decode } from "../../src/index.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { runTool } from "./run-tool.ts";

test("oscine send --for converts packets to what the receiver accepts", async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const arrived: OscMessage[] = [];
  socket.on("message", (bytes) => void arrived.push(decode(bytes.subarray()) as OscMessage));
  try {
    expect(await runTool("send", `:${port}`, "--for", "grandma3", "/cue/go", "true", "2")).toEqual({ code: 0, out: "", err: "" });
    const refused = await runTool("send", `:${port}`, "--for", "grandma3", "--bundle", "/a", "+", "/b");
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain("grandMA3 takes no bundles: send their messages one by one.");
    expect(await runTool("send", `:${port}`, "--for", "vrchat", "/a", "1")).toMatchObject({ code: 0 });
    expect(await runTool("send", `:${port}`, "--for", "vrchat", "--numbers", "auto", "/b", "1")).toMatchObject({ code: 0 });
    while (arrived.at(-1)?.address !== "/b") await once(socket, "message");
  } finally {
    socket.close();
  }
  expect(arrived.map(({ address, types, args }) => [address, types, args])).toEqual([
    ["/cue/go", "ii", [1, 2]],
    ["/a", "f", [1]],
    ["/b", "i", [1]],
  ]);
});

test("--for accepts exactly the receivers that the help lists", () => {
  for (const name of Object.keys(RECEIVERS)) {
    expect(readSendOptions([":9000", "/x", "--for", name])).toMatchObject({ receiver: name });
    expect(SEND.help).toMatch(new RegExp(`[ ,]${name}[,\n]`));
  }
  expect(readSendOptions([":9000", "/x"])).toMatchObject({ receiver: null, numbers: "auto" });
  expect(readSendOptions([":9000", "/x", "--for", "touchosc"])).toMatchObject({ numbers: "float" });
  expect(() => readSendOptions([":9000", "/x", "--for", "toaster"])).toThrow(UsageError);
  expect(() => readSendOptions([":9000", "/x", "--for", "toaster"])).toThrow(/^--for must be chuck, .* or x32; got "toaster"\.$/);
});
