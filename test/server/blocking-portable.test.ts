/** The tests of the blocking server once more, without native sockets. */
process.env["OSCINE_TEST_NATIVE"] = "false";
await import("./blocking-server.test.ts");
