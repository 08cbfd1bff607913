import { escapeForTerminal } from "../../../text/escape.ts";
import { byId, setText } from "../dom.ts";
import { type OpenRecording, durationText } from "../recording.ts";

/** The number of steps of the scrubber. */
const STEPS = 1000;

/** Actions on recordings. */
export interface RecordingActions {
  readonly open: (file: File) => void;
  readonly close: () => void;
  /** @param part of the duration, from 0 to 1 */
  readonly seek: (part: number) => void;
}

/** Opens recordings, and shows the open one with its scrubber. */
export class RecordingBar {
  readonly #section = byId("recording", HTMLElement);
  readonly #name = byId("recording-name", HTMLElement);
  readonly #controls = byId("recording-controls", HTMLDivElement);
  readonly #scrubber = byId("recording-position", HTMLInputElement);
  readonly #time = byId("recording-time", HTMLOutputElement);
  readonly #note = byId("recording-note", HTMLParagraphElement);
  readonly #input = byId("open-file", HTMLInputElement);

  constructor({ open, close, seek }: RecordingActions) {
    byId("open", HTMLButtonElement).addEventListener("click", () => this.choose());
    byId("recording-close", HTMLButtonElement).addEventListener("click", close);
    this.#input.addEventListener("change", () => {
      const [file] = this.#input.files ?? [];
      if (file !== undefined) open(file);
      // Allows choosing the same file again.
      this.#input.value = "";
    });
    this.#scrubber.max = String(STEPS);
    this.#scrubber.addEventListener("input", () => seek(Number(this.#scrubber.value) / STEPS));
    document.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files") === true) event.preventDefault();
    });
    document.addEventListener("drop", (event) => {
      const [file] = event.dataTransfer?.files ?? [];
      if (file === undefined) return;
      event.preventDefault();
      open(file);
    });
  }

  /** Lets the user choose a file. */
  choose(): void {
    this.#input.click();
  }

  /** Shows that a file is being read, or why it can't be. */
  tell(name: string, note: string): void {
    this.#section.hidden = false;
    this.#controls.hidden = true;
    setText(this.#name, escapeForTerminal(name));
    setText(this.#note, escapeForTerminal(note));
  }

  /** Shows the open recording; null for none. */
  show(recording: OpenRecording | null): void {
    this.#section.hidden = recording === null;
    this.#controls.hidden = recording === null;
    if (recording === null) return;
    setText(this.#name, escapeForTerminal(recording.name));
    setText(this.#note, escapeForTerminal(recording.note));
    this.#scrubber.value = String(STEPS);
    this.showPosition(recording);
  }

  showPosition({ position, length }: OpenRecording): void {
    const text = `${durationText(position)} / ${durationText(length)}`;
    this.#scrubber.setAttribute("aria-valuetext", text);
    setText(this.#time, text);
  }
}
