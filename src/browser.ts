/** Oscine for browsers: all of it that needs no socket of Node. */
export * from "./core.ts";
