import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ValueRelay } from "../../src/server/io-thread/value-relay.ts";

test("sends the newest value of each method, and more only after the previous ones were accepted", async () => {
  const sent: string[][] = [];
  const relay = new ValueRelay(
    (values) => sent.push(values.map((bytes) => Buffer.from(bytes).toString())),
    (record) => Buffer.from(record).toString("latin1", 0, 2),
  );
  const add = (text: string): void => relay.add(Buffer.from(text));
  for (const text of ["/a 1", "/b 1", "/a 2"]) add(text);
  await turn();
  expect(sent).toEqual([["/a 2", "/b 1"]]);
  for (let number = 3; number < 1000; number += 1) add(`/a ${number}`);
  await turn();
  expect(sent).toHaveLength(1);
  relay.taken();
  expect(sent[1]).toEqual(["/a 999"]);
  relay.taken();
  add("/b 2");
  relay.flush();
  await turn();
  expect(sent.slice(2)).toEqual([["/b 2"]]);
});
