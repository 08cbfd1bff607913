import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressSpace } from "../../src/address/index.ts";
import { ByteIndex } from "../../src/address/caches.ts";
import { decodeMessage } from "../../src/codec/decode.ts";
import { decode, encode, OscMessage } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscDecodeError } from "../../src/errors.ts";
import { CLIENT } from "../dispatch/packets.ts";
import { address, mappedAddress } from "./arbitraries.ts";

function messageTo(text: string): Uint8Array {
  return encode(new OscMessage(text, [1, "two"]));
}

/** What a program does with a message that it does not know by its bytes. */
function meet<T>(space: AddressSpace<T>, text: string): void {
  space.find(text);
  space.cacheAddress(text, messageTo(text));
}

function spaceOf(...addresses: string[]): AddressSpace<string> {
  const space = new AddressSpace<string>();
  for (const mapped of addresses) space.add(mapped, mapped);
  return space;
}

const paddedSize = (text: string): number => (Buffer.byteLength(text) & ~3) + 4;

describe("an address that is cached by its bytes", () => {
  test.each(["/", "/a", "/abc", "/mixer/1/gain", "/größe/☃", `/${"x".repeat(254)}`])("%s finds what find does", (text) => {
    const space = spaceOf("/other", text);
    expect(space.findBytes(messageTo(text))).toBeUndefined();
    meet(space, text);
    expect(space.findBytes(messageTo(text))).toMatchObject({ address: text, size: paddedSize(text) });
    expect(space.findBytes(messageTo(text))?.found).toBe(space.find(text));
    expect(space.findBytes(messageTo("/other"))).toBeUndefined();
  });

  test("is mapped literally, and isn't a pattern", () => {
    const space = spaceOf("/a/*", "/a//b", "/x");
    for (const text of ["/a/b", "/a/*", "/a//b", "/nothing", "/?"]) {
      meet(space, text);
      expect(space.findBytes(messageTo(text))).toBeUndefined();
    }
  });

  test("has at most 255 bytes", () => {
    const text = `/${"x".repeat(255)}`;
    const space = spaceOf(text);
    meet(space, text);
    expect(space.findBytes(messageTo(text))).toBeUndefined();
    expect(space.find(text)).toHaveLength(1);
  });

  test("is found by all of its bytes, padding included", () => {
    const space = spaceOf("/a", "/abc");
    meet(space, "/a");
    meet(space, "/abc");
    expect(space.findBytes(Uint8Array.from([0x2f, 0x61, 0, 0]))?.address).toBe("/a");
    expect(space.findBytes(Uint8Array.from([0x2f, 0x61, 0, 1, 0, 0, 0, 0]))).toBeUndefined();
    expect(space.findBytes(Uint8Array.from([0x2f, 0x61, 0x62, 0x63]))).toBeUndefined();
    expect(space.findBytes(Uint8Array.from([0x2f, 0x61, 0]))).toBeUndefined();
    expect(space.findBytes(new Uint8Array(0))).toBeUndefined();
  });

  test("follows what is mapped and unmapped afterwards", () => {
    const space = spaceOf("/a");
    const message = messageTo("/a");
    const found = (): readonly string[] | undefined => space.findBytes(message)?.found.map(({ value }) => value);
    meet(space, "/a");
    expect(found()).toEqual(["/a"]);
    space.add("/a", "again");
    expect(found()).toBeUndefined();
    meet(space, "/a");
    expect(found()).toEqual(["/a", "again"]);
    space.add("/*", "all");
    expect(found()).toBeUndefined();
    meet(space, "/a");
    expect(found()).toEqual(["/a", "again", "all"]);
    space.remove("/a", "/a");
    space.remove("/a", "again");
    meet(space, "/a");
    expect(found()).toBeUndefined();
    space.add("/a", "new");
    meet(space, "/a");
    expect(found()).toEqual(["all", "new"]);
  });

  test("finds what find does, whatever is mapped and unmapped in between", () => {
    const step = fc.record({ mapped: fc.oneof(address, mappedAddress), removed: fc.boolean(), asked: fc.array(address, { maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const space = new AddressSpace<string>();
        for (const { mapped, removed, asked } of steps) {
          if (removed) space.remove(mapped, mapped);
          else space.add(mapped, mapped);
          for (const text of [mapped, ...asked].filter((one) => one.startsWith("/") && !one.includes("\0"))) {
            const known = space.findBytes(messageTo(text));
            if (known === undefined) meet(space, text);
            else expect([known.address, known.size, known.found]).toEqual([text, paddedSize(text), space.find(text)]);
          }
        }
      }),
    );
  });

  test("is dropped some time after it is unmapped", () => {
    const space = new AddressSpace<number>();
    const dead = Array.from({ length: 500 }, (_, index) => `/gone/${index}`);
    for (const [index, text] of dead.entries()) {
      space.add(text, index);
      meet(space, text);
      space.remove(text, index);
      expect(space.findBytes(messageTo(text))).toBeUndefined();
    }
    space.add("/here", 1);
    meet(space, "/here");
    expect(space.findBytes(messageTo("/here"))?.found).toHaveLength(1);
  });
});

describe("the index", () => {
  test("holds thousands of texts that differ in one character, and gives each its own value", () => {
    const index = new ByteIndex<number>();
    const texts = Array.from({ length: 5000 }, (_, at) => `/mixer/channel/${at}/gain`);
    for (const [at, text] of texts.entries()) expect(index.set(messageTo(text), at)).toBe(paddedSize(text));
    for (const [at, text] of texts.entries()) expect(index.find(messageTo(text))).toBe(at);
    expect(index.find(messageTo("/mixer/channel/5000/gain"))).toBeUndefined();
    index.clear();
    expect(index.size).toBe(0);
    expect(index.find(messageTo(texts[0]!))).toBeUndefined();
  });

  test("caches a limited number of texts of one hash", () => {
    // What the highest bit of a word changes in the hash, the bit 4 of the word after it changes back; with 10 such pairs, 1,024 texts.
    const index = new ByteIndex<number>();
    const textOf = (choice: number): Uint8Array => {
      const bytes = new Uint8Array(84).fill(0x2f, 0, 80);
      for (let pair = 0; pair < 10; pair++) {
        if (((choice >> pair) & 1) === 0) continue;
        bytes[pair * 8]! ^= 0x80;
        bytes[pair * 8 + 7]! ^= 0x10;
      }
      return bytes;
    };
    for (let choice = 0; choice < 1024; choice++) index.set(textOf(choice), choice);
    expect(index.size).toBe(16);
    for (let choice = 0; choice < 1024; choice++) expect(index.find(textOf(choice))).toBe(choice < 16 ? choice : undefined);
  });
});

describe("a message with a cached address", () => {
  const outcome = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OscDecodeError)) throw error;
      return [error.code, error.offset];
    }
  };

  test("is decoded like any other, whatever follows", () => {
    const tail = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc.constantFrom(",i\0\0\0\0\0\x01", ",", ",i\0\0", ",s\0\0ab", ",N\0\0x").map((text) => Buffer.from(text)),
    );
    const options = fc.constantFrom(undefined, {}, { strict: true }, { maxPacketSize: 16 });
    fc.assert(
      fc.property(tail, options, (rest, how) => {
        const bytes = Uint8Array.from([0x2f, 0x61, 0x62, 0, ...rest]);
        expect(outcome(() => decodeMessage(bytes, "/ab", 4, how))).toEqual(outcome(() => decode(bytes, how)));
      }),
    );
  });

  test("calls its handlers and reports its faults the second time like the first", () => {
    const calls: unknown[] = [];
    const codes: string[] = [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/ab", (...parameters: unknown[]) => void calls.push(parameters));
    const good = messageTo("/ab");
    const faulty = Uint8Array.from([...good, 0, 0, 0, 0]);
    const onError = ({ code }: { readonly code: string }): void => void codes.push(code);
    for (const data of [good, good, faulty, faulty]) dispatcher.callHandlersForPacket(data, CLIENT, { onError });
    expect(dispatcher.matchBytes(good)?.address).toBe("/ab");
    expect(calls).toEqual(Array.from({ length: 4 }, () => ["/ab", 1, "two"]));
    expect(codes).toEqual(["OSC_TRAILING_BYTES", "OSC_TRAILING_BYTES"]);
  });
});
