// As if the optional package koffi were not installed: NODE_OPTIONS="--require no-koffi.cjs".
const Module = require("node:module");

const { _load: load } = Module;
Module._load = (request, ...rest) => load(request === "koffi" ? "koffi-is-not-there" : request, ...rest);
