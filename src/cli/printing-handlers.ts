import { Dispatcher } from "../dispatch/index.ts";
import type { Handlers } from "./handlers-module.ts";
import { Output } from "./output.ts";
import { MessagePrinter } from "./printer.ts";

/** A dispatcher that prints every message. */
function printingDispatcher(out: Output): Dispatcher {
  const printer = new MessagePrinter(out);
  const dispatcher = new Dispatcher();
  dispatcher.map("/*", ({ message, timeTag, clientAddress }) => printer.print(message, timeTag, clientAddress, Date.now()), {
    needsContext: true,
  });
  return dispatcher;
}

/** The same with the module for threads and processes. */
export function printingHandlers(out: Output): Handlers {
  return { dispatcher: printingDispatcher(out), module: new URL("./printing-handlers.js", import.meta.url) };
}

/** For threads and processes, which load this module. Each lines up its own columns. */
const dispatcher: Dispatcher = printingDispatcher(new Output(1, process.env, () => undefined));

// oxlint-disable-next-line import/no-default-export -- what a handlers module has
export default dispatcher;
