import { Dispatcher } from "../dispatch/index.ts";
import { Output } from "./output.ts";
import { MessagePrinter } from "./printer.ts";

/** A dispatcher that prints every message. */
export function printingDispatcher(out: Output): Dispatcher {
  const printer = new MessagePrinter(out);
  const dispatcher = new Dispatcher();
  dispatcher.map("/*", ({ message, timeTag, clientAddress }) => printer.print(message, timeTag, clientAddress, Date.now()), {
    needsContext: true,
  });
  return dispatcher;
}

/** For threads and processes, which load this module. Each lines up its own columns. */
const dispatcher: Dispatcher = printingDispatcher(new Output(1, process.env, () => undefined));

// oxlint-disable-next-line import/no-default-export -- what a handlers module has
export default dispatcher;
