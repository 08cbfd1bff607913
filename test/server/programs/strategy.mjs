// How the processes of a forking server come to be: the tests run once with each.
export const strategy = process.env["FORKING_STRATEGY"] ?? "spawn";
