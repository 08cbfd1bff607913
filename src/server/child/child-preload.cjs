/**
 * Makes this process a worker before any code of the program runs. Given to Node by `--require`, which unlike `--import` leaves it to Node how the
 * entry script is loaded.
 */
const emitWarning = process.emitWarning.bind(process);
// Some versions of Node warn that a module is loaded by `require`. That is none of the program's business.
process.emitWarning = () => undefined;
try {
  require("./child-entry.js");
} finally {
  process.emitWarning = emitWarning;
}
