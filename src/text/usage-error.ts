import { escapeForTerminal } from "./escape.ts";

/** Invalid user input. The message is one line that says what to do instead; the tool exits with code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(escapeForTerminal(message));
  }

  override get name(): string {
    return "UsageError";
  }
}
