/** The handlers module that threads and processes of `oscine serve` load if the user has none. It is a file because they load it by its path. */
import type { Dispatcher } from "../dispatch/index.ts";
import { printingDispatcher } from "./handlers-module.ts";
import { Output } from "./output.ts";

const dispatcher: Dispatcher = printingDispatcher(new Output(1, process.env, () => undefined));

// oxlint-disable-next-line import/no-default-export -- handlers modules have one
export default dispatcher;
