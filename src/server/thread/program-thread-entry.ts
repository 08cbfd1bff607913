/**
 * A thread of a pool that runs the program again, up to the constructor of its server. Given to Node by `--require`, so that it is a worker before any code of
 * the program runs, and which unlike `--import` leaves it to Node how the entry script is loaded.
 *
 * It is compiled to one file of CommonJS, with a copy of all it needs: a thread that is ended while Node links modules for `require` takes the whole process with
 * it (`v8::Module::IsGraphAsync must be used on an instantiated module`; seen with Node 20.20), and a pool may be closed while its threads start.
 */
import { becomeThread } from "./become-thread.ts";

becomeThread(() => process.exit(0));
