/** Methods that describe themselves: their types, ranges and last values. Pure. */
export { fitArguments } from "./arguments.ts";
export type { ArgumentRange, ArgumentSchema, ArgumentsOf, CheckedDescription, MethodAccess, MethodDescription } from "./description.ts";
export { Namespace, canRead, canWrite } from "./namespace.ts";
export type { NamespaceChange, NamespaceMethod, NamespaceNode } from "./namespace.ts";
