import type { FeedEvent } from "../protocol.ts";
import { patternFor } from "./address-tree.ts";
import { PlotPanel } from "./chart.ts";
import { byId, setText } from "./dom.ts";
import { FeedSocket } from "./feed-socket.ts";
import type { Row } from "./rows.ts";
import { Store, jsonLines } from "./store.ts";
import { AddressPanel } from "./views/addresses.ts";
import { FilterField, Shortcuts, Views, download } from "./views/controls.ts";
import { MessageDetails } from "./views/details.ts";
import { MessageList } from "./views/messages.ts";
import { SendPanel } from "./views/send.ts";
import { StatusPanel } from "./views/status.ts";

/** How often everything except the list is drawn, in milliseconds. */
const PLOTS_MS = 33;
const TREE_MS = 100;
const FIGURES_MS = 250;

/** The page: its state, the views that draw it, and what the user does. */
class Page {
  readonly #store = new Store();
  readonly #views = new Views();
  readonly #status = new StatusPanel();
  readonly #list = new MessageList(this.#store.window);
  readonly #plots = new PlotPanel(this.#store.plots);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #filter = new FilterField((filter) => {
    this.#store.setFilter(filter);
    this.#list.reset(this.#chosen);
  });
  readonly #addresses = new AddressPanel(this.#store.tree, this.#store.plots, {
    filter: (node) => this.#filter.toggle(patternFor(node)),
    plot: (address) => this.#store.plots.toggle(address),
    now: () => this.#store.now(),
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
    plot: (address) => this.#store.plots.toggle(address),
  });
  readonly #socket = new FeedSocket({
    onEvent: (event) => this.#hear(event),
    onState: (state, retryInMs) => this.#connection(state, retryInMs),
    resumeFrom: () => {
      const { session, newest } = this.#store.account;
      return new URLSearchParams(session === "" ? {} : { session, after: String(newest) });
    },
  });
  readonly #send = new SendPanel((command) => this.#socket.send(command));
  #chosen: Row | null = null;
  #isOpen = false;
  readonly #drawnAt = { plots: 0, tree: 0, figures: 0 };

  constructor() {
    this.#list.onChoose = (row) => {
      this.#chosen = row;
      this.#details.show(row);
    };
    this.#pause.addEventListener("click", () => this.#togglePause());
    byId("clear", HTMLButtonElement).addEventListener("click", () => this.#clear());
    byId("save", HTMLButtonElement).addEventListener("click", () => this.#save());
    void new Shortcuts([
      { key: "/", what: "filter", run: () => this.#filter.focus() },
      { key: "m", what: "write a message to send", run: () => this.#show("send") },
      { key: "p", what: "pause, and go on", run: () => this.#togglePause() },
      { key: "f", what: "follow the newest message", run: () => this.#list.follow() },
      { key: "x", what: "clear", run: () => this.#clear() },
      { key: "s", what: "save as JSON lines", run: () => this.#save() },
      { key: "1", what: "messages", run: () => this.#show("messages") },
      { key: "2", what: "addresses", run: () => this.#show("addresses") },
      { key: "3", what: "plots", run: () => this.#show("plots") },
    ]);
    this.#socket.open();
    requestAnimationFrame((time) => this.#frame(time));
  }

  #hear(event: FeedEvent): void {
    if (event.kind === "entries") {
      for (const entry of event.entries) this.#store.add(entry);
      this.#list.changed();
    } else if (event.kind === "hello") {
      this.#store.hello(event.hello);
      this.#status.hello(event.hello);
      this.#send.suggestTarget(event.hello.target);
    } else if (event.kind === "status") this.#status.status(event.status);
    else this.#send.answer(event);
  }

  #connection(state: "connecting" | "open" | "lost", retryInMs: number): void {
    this.#isOpen = state === "open";
    if (state === "open") this.#showState();
    else if (state === "connecting") this.#status.connection(state, "connecting");
    else this.#status.connection(state, `no connection; retry in ${(retryInMs / 1000).toFixed(1)} s`);
  }

  #showState(): void {
    if (!this.#isOpen) return;
    if (this.#store.window.isFrozen) this.#status.connection("paused", "paused");
    else this.#status.connection("open", "live");
  }

  #togglePause(): void {
    const { window } = this.#store;
    if (window.isFrozen) window.thaw();
    else window.freeze();
    this.#pause.ariaPressed = String(window.isFrozen);
    this.#list.changed();
    this.#showState();
  }

  #clear(): void {
    this.#store.clear();
    this.#details.show(null);
    this.#chosen = null;
    this.#list.reset(null);
  }

  #save(): void {
    const { window, filter } = this.#store;
    const name = `oscine-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.jsonl`;
    download(name, jsonLines(window.records(), filter));
  }

  #show(view: "messages" | "addresses" | "plots" | "send"): void {
    this.#views.show(view);
    if (view === "messages") this.#list.focus();
    else if (view === "addresses") this.#addresses.focus();
    else if (view === "plots") byId("plots-title", HTMLHeadingElement).focus();
    else this.#send.focus();
  }

  #frame(time: number): void {
    requestAnimationFrame((next) => this.#frame(next));
    const drawn = this.#drawnAt;
    const { window } = this.#store;
    this.#list.draw();
    if (!window.isFrozen && time - drawn.plots >= PLOTS_MS) {
      drawn.plots = time;
      this.#plots.draw(this.#store.now());
    }
    if (!window.isFrozen && time - drawn.tree >= TREE_MS) {
      drawn.tree = time;
      this.#addresses.draw();
    }
    if (time - drawn.figures >= FIGURES_MS) {
      drawn.figures = time;
      this.#drawFigures();
    }
  }

  #drawFigures(): void {
    const { account, window, messages, badPackets, meter } = this.#store;
    const messagesPerSecond = meter.rate(this.#store.now());
    const { received, dropped } = account;
    this.#status.draw({ messagesPerSecond, messages, badPackets, received, dropped, kept: window.size, gone: window.gone });
    const waiting = window.end - window.shownEnd;
    setText(this.#pause.querySelector<HTMLElement>(".label") ?? this.#pause, window.isFrozen ? `Go on (${waiting} new)` : "Pause");
  }
}

void new Page();
