import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from "playwright-core";
import { inject } from "vitest";
import type { Program } from "../interop/programs.ts";

export const PATH = "/usr/bin/chromium";

/** Debian's browser, for `describeWith`. */
export const CHROMIUM: Program = { name: "chromium", install: "apt-get install chromium", isPresent: () => existsSync(PATH) };

/** Nothing but what a test asks for: no network of its own, no first steps. */
export const FLAGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A headless browser. Each of its pages has a profile of its own, which goes away with the page. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** One of its own, for programs that are no tests. */
  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: PATH, headless: true, args: [...FLAGS] }));
  }

  /** The one of all tests. */
  static async connect(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.connect(inject("chromium")));
  }

  open(url: string, options: BrowserContextOptions = {}): Promise<TestPage> {
    return TestPage.open(this.#browser, url, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** A page in a context of its own, and what went wrong in it. */
export class TestPage implements AsyncDisposable {
  readonly page: Page;
  /** Errors that were thrown, or written to the console. */
  readonly errors: string[] = [];
  /** All that was asked for. */
  readonly requests: string[] = [];
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("dialog", (dialog) => {
      this.errors.push(`a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions): Promise<TestPage> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const test = new TestPage(context, await context.newPage());
    await test.page.goto(url);
    return test;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}
