// Handlers as TypeScript compiled to CommonJS exports them.
import type * as Oscine from "../../../../src/index.ts" with { "resolution-mode": "import" };

const { Dispatcher, OscMessage } = require("../../../../dist/index.js") as typeof Oscine;

const dispatcher: Oscine.Dispatcher = new Dispatcher();
// oxlint-disable-next-line typescript/require-await -- that it is awaited is to be seen
dispatcher.map("/typed", async (_address: string, ...args: Oscine.OscValue[]) => new OscMessage("/typed", args));
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

module.exports = { default: dispatcher };
