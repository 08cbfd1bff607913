import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { type OscPacket, encode } from "../../src/codec/index.ts";
import { Tool, portOf } from "../cli/run-tool.ts";
import type { TestBrowser, TestPage } from "./chromium.ts";

/** `oscine serve --monitor` and its page in a browser. */
export class MonitorPage implements AsyncDisposable {
  readonly tool: Tool;
  /** Where the server hears OSC; empty if there is none. */
  readonly port: string;
  readonly url: string;
  readonly opened: TestPage;

  private constructor(tool: Tool, port: string, url: string, opened: TestPage) {
    this.tool = tool;
    this.port = port;
    this.url = url;
    this.opened = opened;
  }

  static async open(browser: TestBrowser, options: BrowserContextOptions = {}): Promise<MonitorPage> {
    const tool = new Tool(["serve", "--port", "0", "--monitor"]);
    const port = await portOf(tool);
    const url = await monitorUrl(tool);
    const opened = await browser.open(url, options);
    const monitor = new MonitorPage(tool, port, url, opened);
    await monitor.isLive();
    return monitor;
  }

  /** `oscine monitor --query` and its page. */
  static async ofQuery(browser: TestBrowser, query: string, options: BrowserContextOptions = {}): Promise<MonitorPage> {
    const tool = new Tool(["monitor", "--query", query]);
    const url = await monitorUrl(tool);
    const monitor = new MonitorPage(tool, "", url, await browser.open(url, options));
    await monitor.isLive();
    return monitor;
  }

  get page(): Page {
    return this.opened.page;
  }

  /** Lines of the list that are drawn and hold a text. */
  row(text: string | RegExp): Locator {
    return this.page.locator("#message-scroller .row:visible").filter({ hasText: text });
  }

  treeItem(text: string | RegExp): Locator {
    return this.page.locator("#address-scroller .node:visible").filter({ hasText: text });
  }

  counter(name: string): Promise<number> {
    return numberIn(this.page.locator(`[data-counter="${name}"] dd`));
  }

  async isLive(): Promise<void> {
    await this.page.locator("#connection.open").waitFor();
  }

  /** Sends packets to the server, each when the system has taken the one before. */
  send(...packets: readonly (OscPacket | Uint8Array)[]): Promise<void> {
    return sendTo(this.port, ...packets);
  }

  /** Fails where anything went wrong in the page, or it asked for anything that is not the monitor's. */
  expectNoFault(): void {
    expect(this.opened.errors).toEqual([]);
    const { origin } = new URL(this.url);
    expect(this.opened.requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith(`blob:${origin}/`))).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened[Symbol.asyncDispose]();
    await this.tool[Symbol.asyncDispose]();
  }
}

export async function monitorUrl(tool: Tool): Promise<string> {
  const [, url = ""] = await tool.saysErr(/^Monitor: (\S+)$/m);
  return url;
}

export async function sendTo(port: string, ...packets: readonly (OscPacket | Uint8Array)[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const packet of packets) {
    const bytes = packet instanceof Uint8Array ? packet : encode(packet);
    await new Promise((resolve) => socket.send(bytes, Number(port), "127.0.0.1", resolve));
  }
  socket.close();
  await once(socket, "close");
}

export async function numberIn(locator: Locator): Promise<number> {
  return Number((await locator.innerText()).replaceAll(",", ""));
}
