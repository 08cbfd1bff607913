// Over which backend a program's blocking server is to run: the tests run once with each.
export const native = process.env["OSCINE_TEST_NATIVE"] === "false" ? false : "auto";
