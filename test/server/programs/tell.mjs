// How the programs of the tests tell what happens: one line each, a word and JSON.
export function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}

export function tellError({ code, reason, limit, message }, client) {
  tell("error", { code, reason, limit, message, port: client?.port });
}
