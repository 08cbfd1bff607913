import { escapeForTerminal } from "./escape.ts";

/** What the user typed can't be done. The message is one line that says what to do instead; the tool ends with exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(escapeForTerminal(message));
  }

  override get name(): string {
    return "UsageError";
  }
}
