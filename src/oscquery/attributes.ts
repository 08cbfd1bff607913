import { type OscColor, type OscValue, TimeTag } from "../codec/index.ts";
import type { ArgumentRange, NamespaceMethod, NamespaceNode } from "../namespace/index.ts";
import { canRead } from "../namespace/index.ts";

/** The attributes of a node that this server knows, as `HOST_INFO` lists them. */
export const ATTRIBUTES = [
  "FULL_PATH",
  "CONTENTS",
  "TYPE",
  "ACCESS",
  "VALUE",
  "RANGE",
  "DESCRIPTION",
  "TAGS",
  "EXTENDED_TYPE",
  "UNIT",
  "CRITICAL",
  "CLIPMODE",
] as const;

export type Attribute = (typeof ATTRIBUTES)[number];

/** A value as OSCQuery writes it in JSON. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };

const ACCESS = { none: 0, read: 1, write: 2, readwrite: 3 } as const;

/** Whether a text names an attribute. */
export function isAttribute(name: string): name is Attribute {
  return (ATTRIBUTES as readonly string[]).includes(name);
}

/** A node with everything below it. */
export function nodeToJson(node: NamespaceNode): JsonValue {
  const entries: [string, JsonValue][] = [];
  for (const name of ATTRIBUTES) {
    const value = attributeOf(node, name);
    if (value !== undefined) entries.push([name, value]);
  }
  // A member named __proto__ is one like any other here.
  return Object.fromEntries(entries);
}

/** One attribute of a node; undefined if the node has none of that name, or its access forbids it. */
export function attributeOf(node: NamespaceNode, name: Attribute): JsonValue | undefined {
  if (name === "FULL_PATH") return node.address;
  if (name === "CONTENTS") return contentsOf(node);
  return node.method === null ? (name === "ACCESS" ? ACCESS.none : undefined) : methodAttribute(node.method, name);
}

function contentsOf({ children }: NamespaceNode): JsonValue | undefined {
  if (children.size === 0) return undefined;
  return Object.fromEntries([...children].map(([name, child]) => [name, nodeToJson(child)]));
}

function methodAttribute(
  { description, value, types }: NamespaceMethod,
  name: Exclude<Attribute, "FULL_PATH" | "CONTENTS">,
): JsonValue | undefined {
  const { access, range, tags, extendedType, unit, critical } = description;
  switch (name) {
    case "TYPE":
      return description.types?.replace("?", "") ?? types;
    case "ACCESS":
      return ACCESS[access];
    case "VALUE":
      return value === null || !canRead(description) ? undefined : value.map((each) => valueToJson(each));
    case "RANGE":
      return range?.map(rangeToJson);
    case "DESCRIPTION":
      return description.description;
    case "TAGS":
      return tags;
    case "EXTENDED_TYPE":
      return extendedType;
    case "UNIT":
      return unit;
    case "CRITICAL":
      return critical ? true : undefined;
    case "CLIPMODE":
      return range?.some((each) => each?.clip !== undefined) === true ? range.map((each) => each?.clip ?? "none") : undefined;
  }
}

function rangeToJson(range: ArgumentRange | null): JsonValue {
  const { min, max, values } = range ?? {};
  return {
    ...(min !== undefined && { MIN: min }),
    ...(max !== undefined && { MAX: max }),
    ...(values !== undefined && { VALS: values.map((value) => valueToJson(value)) }),
  };
}

function valueToJson(value: OscValue): JsonValue {
  if (typeof value === "string" || typeof value === "boolean") return value;
  // JSON has no NaN and no infinities; a blob, MIDI or a time tag has no form in OSCQuery.
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map((each: OscValue) => valueToJson(each));
  return isColor(value)
    ? `#${[value.r, value.g, value.b, value.a].map((part) => part.toString(16).padStart(2, "0").toUpperCase()).join("")}`
    : null;
}

function isColor(value: OscValue): value is OscColor {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !(value instanceof TimeTag) && "r" in value;
}
