import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { CHROMIUM, FLAGS, PATH } from "./chromium.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where tests reach the browser; empty where there is none. */
    readonly chromium: string;
  }
}

/** Starts one browser for all files of tests, each of which has contexts of its own in it. Vitest calls this by its name, and what it returns at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server =
    CHROMIUM.isPresent?.() === true ? await chromium.launchServer({ executablePath: PATH, headless: true, args: [...FLAGS] }) : null;
  project.provide("chromium", server?.wsEndpoint() ?? "");
  return async () => server?.close();
}
