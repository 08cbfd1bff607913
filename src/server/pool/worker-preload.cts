/**
 * Makes this thread or process a worker before any code of the program runs. Given to Node by `--require`, which unlike `--import` leaves it
 * to Node how the entry script is loaded.
 */
import type * as Threads from "node:worker_threads" with { "resolution-mode": "import" };

const { isMainThread } = require("node:worker_threads") as typeof Threads;
const emitWarning = process.emitWarning.bind(process);
// Some versions of Node warn that a module is loaded by `require`. That is none of the program's business.
process.emitWarning = () => undefined;
try {
  require(isMainThread ? "../child/child-entry.js" : "../thread/thread-entry.js");
} finally {
  process.emitWarning = emitWarning;
}
