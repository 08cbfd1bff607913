/** The default handlers module of `oscine serve`. A separate file, because threads and processes load it by path. */
import type { Dispatcher } from "../dispatch/index.ts";
import { printingDispatcher } from "./handlers-module.ts";
import { Output } from "./output.ts";

const dispatcher: Dispatcher = printingDispatcher(new Output(1, process.env, () => undefined));

// oxlint-disable-next-line import/no-default-export -- handlers modules have one
export default dispatcher;
