import { type FeedEvent, METHOD_VALUE } from "../protocol.ts";
import { patternFor } from "./address-tree.ts";
import { PlotPanel } from "./chart.ts";
import { byId, setText } from "./dom.ts";
import { FeedSocket } from "./feed-socket.ts";
import type { Row } from "./rows.ts";
import { type OpenRecording, loadRecording, saveRecording } from "./recording.ts";
import { LiveStore, type Store } from "./store.ts";
import { AddressPanel } from "./views/addresses.ts";
import { FilterField, Shortcuts, type View, Views, download } from "./views/controls.ts";
import { MessageDetails } from "./views/details.ts";
import { MethodPanel } from "./views/methods.ts";
import { MessageList } from "./views/messages.ts";
import { RecordingBar } from "./views/recording-bar.ts";
import { SendPanel } from "./views/send.ts";
import { StatusPanel } from "./views/status.ts";

/** Redraw intervals for everything except the list. */
const PLOTS_MS = 33;
const TREE_MS = 100;
const FIGURES_MS = 250;

/** The page: its state, its views and the user's actions. */
class Page {
  readonly #live = new LiveStore();
  #recording: OpenRecording | null = null;
  readonly #views = new Views();
  readonly #status = new StatusPanel();
  readonly #list = new MessageList(this.#live);
  readonly #plots = new PlotPanel(this.#live);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #clearButton = byId("clear", HTMLButtonElement);
  readonly #plotsSpan = byId("plots-span", HTMLParagraphElement);
  readonly #filter = new FilterField((filter) => {
    this.#live.setFilter(filter);
    this.#recording?.setFilter(filter);
    this.#list.reset(this.#chosen);
  });
  readonly #addresses = new AddressPanel(this.#live, {
    filter: (node) => this.#filter.toggle(patternFor(node)),
    plot: (address) => this.#shown.togglePlot(address),
    now: () => this.#shown.now(),
  });
  readonly #details = new MessageDetails({
    close: () => {
      this.#list.unchoose();
      this.#list.focus();
    },
    resend: (line) => {
      this.#views.show("send");
      this.#send.fill(line);
    },
    plot: (address) => this.#shown.togglePlot(address),
  });
  readonly #bar = new RecordingBar({
    open: (file) => void this.#open(file),
    close: () => {
      this.#opened += 1;
      this.#showRecording(null);
    },
    seek: (part) => (this.#wantedPart = part),
  });
  readonly #socket = new FeedSocket({
    onEvent: (event) => this.#hear(event),
    onState: (state, retryInMs) => this.#connection(state, retryInMs),
    resumeFrom: () => {
      const { session, newest } = this.#live.account;
      return new URLSearchParams(session === "" ? {} : { session, after: String(newest) });
    },
  });
  readonly #send = new SendPanel((command) => this.#socket.send(command));
  readonly #methods = new MethodPanel({
    filter: (address) => this.#filter.toggle(patternFor({ address, hasMessages: true, children: new Map() })),
    send: (command) => this.#socket.send(command),
  });
  #chosen: Row | null = null;
  #isOpen = false;
  /** Counts recordings opened and closed, to ignore a slow file that the user has since replaced. */
  #opened = 0;
  /** The scrubber position still to be drawn; null if it is up to date. */
  #wantedPart: number | null = null;
  readonly #drawnAt = { plots: 0, tree: 0, figures: 0 };

  constructor() {
    this.#list.onChoose = (row) => {
      this.#chosen = row;
      this.#details.show(row);
    };
    this.#pause.addEventListener("click", () => this.#togglePause());
    this.#clearButton.addEventListener("click", () => this.#clear());
    byId("save", HTMLButtonElement).addEventListener("click", () => this.#save());
    void new Shortcuts([
      { key: "/", what: "filter", run: () => this.#filter.focus() },
      { key: "m", what: "write a message to send", run: () => this.#show("send") },
      { key: "p", what: "pause and resume", run: () => this.#togglePause() },
      { key: "f", what: "follow the newest message", run: () => this.#list.follow() },
      { key: "x", what: "clear", run: () => this.#clear() },
      { key: "o", what: "open a recording", run: () => this.#bar.choose() },
      { key: "s", what: "save as JSON lines", run: () => this.#save() },
      { key: "1", what: "messages", run: () => this.#show("messages") },
      { key: "2", what: "addresses", run: () => this.#show("addresses") },
      { key: "3", what: "plots", run: () => this.#show("plots") },
      { key: "4", what: "methods, with --query", run: () => this.#show("methods") },
    ]);
    this.#socket.open();
    requestAnimationFrame((time) => this.#frame(time));
  }

  /** The store that the views show. */
  get #shown(): Store {
    return this.#recording ?? this.#live;
  }

  #hear(event: FeedEvent): void {
    if (event.kind === "entries") {
      for (const entry of event.entries) {
        const { rows } = this.#live.add(entry);
        if (entry.kind !== "packet" || entry.transport !== METHOD_VALUE) continue;
        for (const row of rows) if (row.kind === "message") this.#methods.value(row.message);
      }
      this.#list.changed();
    } else if (event.kind === "hello") {
      this.#live.hello(event.hello);
      this.#status.hello(event.hello);
      this.#methods.hide();
      this.#send.suggestTarget(event.hello.target);
    } else if (event.kind === "status") this.#status.status(event.status);
    else if (event.kind === "methods") this.#methods.show(event.methods, event.values);
    else if (!this.#methods.answer(event.id, event.kind === "failed" ? event.message : null)) this.#send.answer(event);
  }

  #connection(state: "connecting" | "open" | "lost", retryInMs: number): void {
    this.#isOpen = state === "open";
    if (state === "open") this.#showState();
    else if (state === "connecting") this.#status.connection(state, "connecting");
    else this.#status.connection(state, `no connection; retry in ${(retryInMs / 1000).toFixed(1)} s`);
  }

  #showState(): void {
    if (!this.#isOpen) return;
    if (this.#recording !== null) this.#status.connection("paused", "recording");
    else if (this.#live.window.isFrozen) this.#status.connection("paused", "paused");
    else this.#status.connection("open", "live");
  }

  #togglePause(): void {
    if (this.#recording !== null) return;
    const { window } = this.#live;
    if (window.isFrozen) window.thaw();
    else window.freeze();
    this.#pause.ariaPressed = String(window.isFrozen);
    this.#list.changed();
    this.#showState();
  }

  #clear(): void {
    if (this.#recording !== null) return;
    this.#live.clear();
    this.#details.show(null);
    this.#chosen = null;
    this.#list.reset(null);
  }

  #save(): void {
    const { window, filter } = this.#shown;
    const name = `oscine-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.jsonl`;
    download(name, saveRecording(window.records(), filter));
  }

  async #open(file: File): Promise<void> {
    this.#opened += 1;
    const number = this.#opened;
    this.#showRecording(null);
    this.#bar.tell(file.name, "Reading…");
    try {
      const recording = await loadRecording(file, file.name);
      if (number === this.#opened) this.#showRecording(recording);
    } catch (error) {
      if (number === this.#opened)
        this.#bar.tell(file.name, `Can't open this file. ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Shows a recording, or the live feed for null. */
  #showRecording(recording: OpenRecording | null): void {
    recording?.setFilter(this.#live.filter);
    this.#recording = recording;
    this.#wantedPart = null;
    this.#chosen = null;
    this.#details.show(null);
    this.#list.show(this.#shown);
    this.#addresses.show(this.#shown);
    this.#plots.show(this.#shown);
    this.#bar.show(recording);
    this.#pause.disabled = recording !== null;
    this.#clearButton.disabled = recording !== null;
    setText(this.#plotsSpan, recording === null ? "last 30 s" : "the whole recording");
    this.#showState();
  }

  #seek(): void {
    const recording = this.#recording;
    if (recording === null || this.#wantedPart === null) return;
    recording.seek(recording.length * this.#wantedPart);
    this.#wantedPart = null;
    this.#bar.showPosition(recording);
    this.#list.follow();
  }

  #show(view: View): void {
    this.#views.show(view);
    if (view === "messages") this.#list.focus();
    else if (view === "addresses") this.#addresses.focus();
    else if (view === "methods") this.#methods.focus();
    else if (view === "plots") byId("plots-title", HTMLHeadingElement).focus();
    else this.#send.focus();
  }

  #frame(time: number): void {
    requestAnimationFrame((next) => this.#frame(next));
    const drawn = this.#drawnAt;
    const isPaused = this.#recording === null && this.#live.window.isFrozen;
    this.#seek();
    this.#list.draw();
    if (!isPaused && time - drawn.plots >= PLOTS_MS) {
      drawn.plots = time;
      this.#plots.draw(this.#shown.plotsEnd());
    }
    if (!isPaused && time - drawn.tree >= TREE_MS) {
      drawn.tree = time;
      this.#addresses.draw();
      this.#methods.draw(performance.now());
    }
    if (time - drawn.figures >= FIGURES_MS) {
      drawn.figures = time;
      this.#drawFigures();
    }
  }

  #drawFigures(): void {
    const { account, window } = this.#live;
    const { messages, badPackets, meter } = this.#shown;
    const messagesPerSecond = meter.rate(this.#shown.now());
    const { received, dropped } = account;
    this.#status.draw({ messagesPerSecond, messages, badPackets, received, dropped, kept: window.size, gone: window.gone });
    const waiting = window.end - window.shownEnd;
    setText(this.#pause.querySelector<HTMLElement>(".label") ?? this.#pause, window.isFrozen ? `Resume (${waiting} new)` : "Pause");
  }
}

void new Page();
