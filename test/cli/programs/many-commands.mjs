/**
 * Runs the command line once for each list of words, all in one process, because to start Node as often takes too long:
 * `node many-commands.mjs < lists-of-words.json` prints what each has printed, as a list. A command that goes on is interrupted.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { text } from "node:stream/consumers";

const CLI = new URL("../../../dist/cli.js", import.meta.url).href;
const { writeSync } = fs;
const exit = process.exit.bind(process);
let printed = "";
fs.writeSync = (descriptor, data, from = 0, ...rest) => {
  if (descriptor !== 1 && descriptor !== 2) return writeSync(descriptor, data, from, ...rest);
  printed += Buffer.from(data).toString("utf8", from);
  if (/Ctrl-C|Listening on|Waiting for/.test(printed)) setImmediate(() => process.emit("SIGINT"));
  return data.length - from;
};
syncBuiltinESMExports();

const commands = JSON.parse(await text(process.stdin));
const outputs = [];
for (const [index, words] of commands.entries()) {
  printed = "";
  process.argv = [process.execPath, "oscine", ...words];
  const ended = new Promise((resolve) => {
    process.exit = resolve;
  });
  // Only this module is loaded again; it is the one that reads the words.
  await import(`${CLI}?${index}`);
  await ended;
  for (const signal of ["SIGINT", "SIGTERM"]) process.removeAllListeners(signal);
  outputs.push(printed);
}
writeSync(1, JSON.stringify(outputs));
exit();
