/** The tests of forking servers once more, with processes that are forked by the system. */
import { loadKoffi } from "../../src/transport/native/libc.ts";

function isThere(): boolean {
  try {
    loadKoffi();
    return true;
  } catch {
    return false;
  }
}

if (isThere()) process.env["FORKING_STRATEGY"] = "native";
await import("./pool-programs.test.ts");
await import("./forked.ts");
