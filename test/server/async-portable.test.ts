/** The tests of the async server once more, without native sockets. */
process.env["OSCINE_TEST_NATIVE"] = "false";
await import("./async-udp-server.test.ts");
