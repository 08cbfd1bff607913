import { expect, test } from "vitest";
import * as errors from "../../src/errors.ts";
import { packError, unpackError } from "../../src/server/pool/error-transfer.ts";

const ours: readonly errors.OscError[] = [
  new errors.OscError("OSC_SUPPRESSED", "7 more"),
  new errors.OscDecodeError("OSC_TRUNCATED", "Cut short", 12),
  new errors.OscEncodeError("OSC_VALUE_TYPE", "Not a value", "the value"),
  new errors.OscFrameError("OSC_FRAME_BAD_SIZE", "Bad size", 4, true),
  new errors.OscDispatchError("OSC_HANDLER_FAILED", "A handler failed", "/a"),
  new errors.OscRejectedError("malformed", "Malformed"),
  new errors.OscDroppedError("maxQueue", "Dropped"),
  new errors.OscSocketError("EADDRINUSE", "In use", "127.0.0.1:9000"),
  new errors.OscServerError("OSC_CLOSED", "Closed"),
  new errors.OscTimeoutError("Too late"),
  new errors.OscDiscoveryError("OSC_DISCOVERY_FAILED", "No interface"),
  new errors.OscQueryError("OSC_QUERY_ANSWER", "Not JSON", "http://127.0.0.1:5678/"),
  new errors.OscRecordingError("OSC_RECORDING_DAMAGED", "Cut", 17),
  new errors.OscNatsError("OSC_NATS_JETSTREAM", "No stream", "127.0.0.1:4222"),
];

test("covers every error class except the one that holds packets", () => {
  expect(new Set([...ours.map(({ name }) => name), "OscBatchError"])).toEqual(new Set(Object.keys(errors)));
});

test.each(ours.map((error) => [error.name, error] as const))("transfers %s with class, code, fields, message and stack", (_name, error) => {
  for (const copy of [structuredClone(packError(error)), JSON.parse(JSON.stringify(packError(error)))]) {
    const arrived = unpackError(copy);
    expect(arrived).toBeInstanceOf(error.constructor);
    expect(Object.getPrototypeOf(arrived)).toBe(Object.getPrototypeOf(error));
    expect({ ...arrived }).toEqual({ ...error });
    expect([arrived.name, arrived.message, arrived.stack]).toEqual([error.name, error.message, error.stack]);
    expect("cause" in arrived).toBe(false);
  }
});

test("transfers causes: Oscine errors with class, others with name, message, code and stack", () => {
  const innermost = Object.assign(new RangeError("too far"), { code: "ERR_FAR" });
  const inner = new errors.OscDispatchError("OSC_HANDLER_FAILED", "A handler failed", "/a", { cause: innermost });
  const outer = new errors.OscRejectedError("malformed", "Malformed", { cause: inner });
  const arrived = unpackError(JSON.parse(JSON.stringify(packError(outer))));
  expect(arrived.cause).toBeInstanceOf(errors.OscDispatchError);
  const cause = (arrived.cause as errors.OscDispatchError).cause as RangeError & { code: string };
  expect(cause).toBeInstanceOf(Error);
  expect([cause.name, cause.message, cause.code, cause.stack]).toEqual(["RangeError", "too far", "ERR_FAR", innermost.stack]);
});

test("transfers any thrown value at least as text", () => {
  const unprintable = {
    toString(): string {
      throw new Error("no");
    },
  };
  const causes = ["text", 7, null, 12n, Number.NaN, { toString: () => "an object" }, unprintable];
  const arrived = causes.map(
    (cause) => unpackError(packError(new errors.OscDispatchError("OSC_HANDLER_FAILED", "Failed", "/a", { cause }))).cause,
  );
  expect(arrived).toEqual(["text", 7, null, "12", "NaN", "an object", "an unprintable object"]);
});

test("cuts circular causes", () => {
  const error = new errors.OscError("OSC_CLOSED", "Circular");
  error.cause = error;
  let depth = 0;
  for (let cause: unknown = unpackError(packError(error)); cause instanceof Error; cause = cause.cause) depth += 1;
  expect(depth).toBeGreaterThan(1);
  expect(depth).toBeLessThan(20);
});

test("transfers a user's subclass as an OscError", () => {
  class Special extends errors.OscServerError {}
  const arrived = unpackError(packError(new Special("OSC_CLOSED", "Special")));
  expect(Object.getPrototypeOf(arrived)).toBe(errors.OscError.prototype);
  expect(arrived.code).toBe("OSC_CLOSED");
});

test("transfers values with throwing accessors as text, without throwing", () => {
  const thrower = (): never => {
    throw new Error("no");
  };
  const proxy: unknown = new Proxy(new Error("hidden"), { get: thrower, getPrototypeOf: thrower, has: thrower });
  const getters = new Error("visible");
  for (const name of ["stack", "name", "message", "code", "cause"]) Object.defineProperty(getters, name, { get: thrower });
  const numbers = Object.assign(new Error("text"), { name: 7, message: { not: "text" }, stack: null });
  for (const cause of [proxy, getters, Proxy.revocable({}, {}), numbers]) {
    const packed = packError(new errors.OscDispatchError("OSC_HANDLER_FAILED", "Failed", "/a", { cause }));
    const arrived = unpackError(JSON.parse(JSON.stringify(packed)));
    expect([arrived.code, arrived.message]).toEqual(["OSC_HANDLER_FAILED", "Failed"]);
    expect(arrived.cause).toBeDefined();
  }
});
