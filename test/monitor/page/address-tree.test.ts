import { describe, expect, test } from "vitest";
import { OscMessage } from "../../../src/codec/index.ts";
import { type AddressNode, AddressTree, MAX_CHARACTERS, MAX_NODES, patternFor } from "../../../src/monitor/page/address-tree.ts";
import { MessageFilter } from "../../../src/text/message-filter.ts";

function treeOf(...addresses: readonly string[]): AddressTree {
  const tree = new AddressTree();
  for (const [index, address] of addresses.entries()) tree.add(new OscMessage(address, index), 1000 + index, 100);
  return tree;
}

function node(tree: AddressTree, address: string): AddressNode {
  const found = tree.rows().find((row) => row.address === address);
  if (found === undefined) throw new Error(`${address} is not shown`);
  return found;
}

describe("the address tree", () => {
  test("adds levels and sorts 2 before 10", () => {
    const tree = treeOf("/mixer/10/gain", "/mixer/2/gain", "/a", "/mixer");
    expect(tree.rows().map(({ address, depth }) => [depth, address])).toEqual([
      [0, "/a"],
      [0, "/mixer"],
      [1, "/mixer/2"],
      [2, "/mixer/2/gain"],
      [1, "/mixer/10"],
      [2, "/mixer/10/gain"],
    ]);
    expect(tree.size).toBe(6);
  });

  test("keeps the last value of an address and counts the messages below it", () => {
    const tree = treeOf("/m/1", "/m/2", "/m/1");
    expect(node(tree, "/m/1").last?.args).toEqual([2]);
    expect(node(tree, "/m")).toMatchObject({ last: null, count: 3, lastTime: 1002 });
    expect(node(tree, "/m").meter.rate(1100)).toBe(3);
  });

  test("hides the levels below a closed one", () => {
    const tree = treeOf("/m/1", "/n");
    tree.setOpen(node(tree, "/m"), false);
    expect(tree.rows().map(({ address }) => address)).toEqual(["/m", "/n"]);
    tree.add(new OscMessage("/m/2"), 1, 100);
    expect(tree.rows().map(({ address }) => address)).toEqual(["/m", "/n"]);
  });

  test("only counts new addresses beyond the limit, and still updates known ones", () => {
    const tree = new AddressTree();
    for (let index = 0; index < MAX_NODES + 10; index += 1) tree.add(new OscMessage(`/${index}`), 1, 100);
    expect(tree.size).toBe(MAX_NODES);
    expect(tree.unlisted).toBe(10);
    expect(tree.add(new OscMessage("/7"), 2, 100)?.count).toBe(2);
    tree.clear();
    expect([tree.size, tree.unlisted, tree.rows().length]).toEqual([0, 0, 0]);
  });

  test("limits the total characters of all addresses", () => {
    const tree = new AddressTree();
    for (let index = 0; index < 200; index += 1) tree.add(new OscMessage(`/${index}${"x".repeat(30_000)}`), 1, 100);
    expect(tree.size).toBeLessThanOrEqual(MAX_CHARACTERS / 30_000);
    expect(tree.unlisted).toBe(200 - tree.size);
  });

  test("doesn't keep large messages but counts them", () => {
    const tree = new AddressTree();
    const node = tree.add(new OscMessage("/big", "text"), 1, 1_000_000);
    expect(node).toMatchObject({ hasMessages: true, last: null, count: 1 });
    expect(tree.add(new OscMessage("/big", 1), 2, 100)?.last?.args).toEqual([1]);
  });

  test("accepts odd addresses as they are", () => {
    const tree = treeOf("//", "/a//b", "/constructor/__proto__", "/ space/<b>");
    expect(node(tree, "/constructor/__proto__").count).toBe(1);
    expect(node(tree, "/a//b").count).toBe(1);
    expect(node(tree, "//").count).toBe(1);
  });

  test.each(["/mixer/1", "/odd*?[{/x", "/a b"])("returns a pattern that matches %s itself", (address) => {
    const pattern = patternFor(node(treeOf(address), address));
    expect(new MessageFilter([pattern]).matches(address)).toBe(true);
    expect(new MessageFilter([pattern]).matches("/other/1")).toBe(false);
  });

  test("returns a pattern for everything below a level", () => {
    expect(patternFor(node(treeOf("/m/1/x", "/m/2"), "/m"))).toBe("/m/*");
  });
});
