import { Dispatcher } from "../dispatch/index.ts";
import { compiledFile } from "../package-files.ts";
import type { Handlers } from "./handlers.ts";
import { MessagePrinter, Output } from "./output.ts";

/** A dispatcher that prints every message. */
function printingDispatcher(out: Output): Dispatcher {
  const printer = new MessagePrinter(out);
  const dispatcher = new Dispatcher();
  dispatcher.map("/*", ({ message, timeTag, clientAddress }) => printer.print(message, timeTag, clientAddress, Date.now()), {
    needsContext: true,
  });
  return dispatcher;
}

/** The dispatcher, and this module for threads and processes. */
export function printingHandlers(out: Output): Handlers {
  return { dispatcher: printingDispatcher(out), module: compiledFile("cli/printing-handlers.js") };
}

/** Threads and processes load this module, and each aligns its own columns. */
const dispatcher: Dispatcher = printingDispatcher(new Output(1, process.env, () => undefined));

// oxlint-disable-next-line import/no-default-export -- handlers modules have one
export default dispatcher;
