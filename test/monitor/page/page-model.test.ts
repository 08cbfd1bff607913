import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage } from "../../../src/codec/index.ts";
import { argumentList } from "../../../src/monitor/page/rows.ts";
import { FeedAccount } from "../../../src/monitor/page/store.ts";
import { LiveStore } from "../../../src/monitor/page/store.ts";
import { scrollRange, scrollToShow } from "../../../src/monitor/page/rows.ts";
import { SendHistory } from "../../../src/monitor/page/store.ts";
import { packetEntry } from "./entries.ts";

const HELLO = { listening: [], target: "", time: 0, newest: 0 };

describe("the feed account", () => {
  test("counts gaps as losses, but not entries from before the page connected", () => {
    const account = new FeedAccount();
    account.hello({ ...HELLO, session: "a" });
    for (const number of [101, 102, 105, 106]) account.entry(number);
    expect(account).toMatchObject({ received: 4, dropped: 2, newest: 106 });
    // After a reconnection to the same monitor.
    account.hello({ ...HELLO, session: "a" });
    account.entry(110);
    expect(account).toMatchObject({ received: 5, dropped: 5, newest: 110 });
  });

  test("starts over after a restart of the monitor", () => {
    const account = new FeedAccount();
    expect(account.hello({ ...HELLO, session: "a" })).toBe(false);
    account.entry(50);
    expect(account.hello({ ...HELLO, session: "b" })).toBe(true);
    account.entry(1);
    expect(account).toMatchObject({ received: 2, dropped: 0, newest: 1 });
  });
});

describe("the history of sent lines", () => {
  test("moves back and forth, and returns to the draft", () => {
    const history = new SendHistory(["/a", "/b"]);
    expect([history.older("draft"), history.older("/b"), history.older("/a")]).toEqual(["/b", "/a", null]);
    expect([history.newer(), history.newer(), history.newer()]).toEqual(["/b", "draft", null]);
  });

  test("keeps a limited number of lines without duplicates, newest last", () => {
    const history = new SendHistory();
    for (let index = 0; index < 60; index += 1) history.add(`/${index}`);
    history.add("/30");
    expect(history.lines).toHaveLength(50);
    expect(history.lines.slice(-2)).toEqual(["/59", "/30"]);
  });
});

describe("the visible part of a list", () => {
  test("consists of the visible rows and a margin", () => {
    expect(scrollRange(1000, 200, 20, 1000)).toEqual({ first: 46, end: 64 });
    expect(scrollRange(0, 200, 20, 3)).toEqual({ first: 0, end: 3 });
    expect(scrollRange(1e9, 200, 20, 10)).toEqual({ first: 10, end: 10 });
    expect(scrollRange(0, 200, 20, 0)).toEqual({ first: 0, end: 0 });
  });

  test("moves only if a row isn't fully visible", () => {
    expect(scrollToShow(5, 100, 200, 20)).toBeNull();
    expect(scrollToShow(4, 100, 200, 20)).toBe(80);
    expect(scrollToShow(15, 100, 200, 20)).toBe(120);
  });
});

describe("the arguments of a message", () => {
  test("are listed one by one, with arrays flattened", () => {
    const message = new OscMessage("/x", [1, ["a", [true]], null], "i[s[T]]N");
    expect(argumentList(message).map(({ tag, text }) => `${tag}${text}`)).toEqual(["i1", "[", 's"a"', "[", "T", "]", "]", "N"]);
  });
});

describe("the live store", () => {
  test("counts messages and bad packets until it is cleared", () => {
    const picture = new LiveStore();
    picture.add(packetEntry(1, new OscBundle([new OscMessage("/a", 1), new OscMessage("/b", 2)])));
    picture.add(packetEntry(2, new TextEncoder().encode("junk")));
    expect(picture).toMatchObject({ messages: 2, badPackets: 1 });
    expect(picture.tree.rows().map(({ address }) => address)).toEqual(["/a", "/b"]);
    picture.clear();
    expect(picture).toMatchObject({ messages: 0, badPackets: 0 });
    expect([picture.window.size, picture.tree.size, picture.account.received]).toEqual([0, 0, 2]);
  });
});
