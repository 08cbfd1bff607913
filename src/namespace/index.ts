/** Methods that describe themselves: their types, ranges and last values. Pure. */
export type { ArgumentRange, ArgumentSchema, ArgumentsOf, CheckedDescription, MethodAccess, MethodDescription } from "./description.ts";
export { Namespace, canRead } from "./namespace.ts";
export type { NamespaceChange, NamespaceMethod, NamespaceNode, RenameChange, TreeChange, ValueChange } from "./namespace.ts";
