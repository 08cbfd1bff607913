// A file of Node's own test runner.
import { test } from "node:test";
import { Dispatcher, ThreadingOSCUDPServer } from "oscine";

void test("a server", () => {
  try {
    const server = new ThreadingOSCUDPServer(["127.0.0.1", 0], new Dispatcher());
    void server.close();
  } catch (error) {
    console.log(error.code, error.message);
  }
});
