import { type OscColor, type OscValue, TimeTag } from "../codec/index.ts";
import type { ArgumentRange, CheckedDescription, NamespaceMethod, NamespaceNode } from "../namespace/index.ts";
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
type MethodAttribute = Exclude<Attribute, "FULL_PATH" | "CONTENTS">;

/** What a message to a method doesn't change. */
const FIXED = ["ACCESS", "RANGE", "DESCRIPTION", "TAGS", "EXTENDED_TYPE", "UNIT", "CRITICAL", "CLIPMODE"] as const;

/** A value as OSCQuery writes it in JSON. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined };

const ACCESS = { none: 0, read: 1, write: 2, readwrite: 3 } as const;

/** Whether a text names an attribute. */
export function isAttribute(name: string): name is Attribute {
  return (ATTRIBUTES as readonly string[]).includes(name);
}

/** The fixed attributes of a method as text. Trees are asked for again and again. */
const descriptionTexts = new WeakMap<CheckedDescription, string>();

/** A node with everything below it, as JSON. */
export function nodeToText({ address, children, method }: NamespaceNode): string {
  const contents = children.size === 0 ? "" : `,"CONTENTS":${contentsToText(children)}`;
  return `{"FULL_PATH":${JSON.stringify(address)}${contents}${method === null ? `,"ACCESS":${ACCESS.none}` : textOf(method)}}`;
}

function contentsToText(children: NamespaceNode["children"]): string {
  return `{${[...children].map(([name, child]) => `${JSON.stringify(name)}:${nodeToText(child)}`).join(",")}}`;
}

/** The attributes of a method, each after a comma. */
function textOf(method: NamespaceMethod): string {
  const { description, types, value } = method;
  let fixed = descriptionTexts.get(description);
  if (fixed === undefined) {
    const attributes: Record<string, JsonValue | undefined> = {};
    for (const name of FIXED) attributes[name] = methodAttribute(method, name);
    if (description.types !== undefined) attributes["TYPE"] = methodAttribute(method, "TYPE");
    fixed = `,${JSON.stringify(attributes).slice(1, -1)}`;
    descriptionTexts.set(description, fixed);
  }
  const type = description.types === undefined ? `,"TYPE":${JSON.stringify(types)}` : "";
  return fixed + type + (value === null || !canRead(description) ? "" : `,"VALUE":[${value.map(valueToText).join(",")}]`);
}

/** One attribute of a node as JSON; undefined if the node has none of that name, or its access forbids it. */
export function attributeToText({ address, children, method }: NamespaceNode, name: Attribute): string | undefined {
  if (name === "FULL_PATH") return JSON.stringify(address);
  if (name === "CONTENTS") return children.size === 0 ? undefined : contentsToText(children);
  if (method === null) return name === "ACCESS" ? String(ACCESS.none) : undefined;
  const value = methodAttribute(method, name);
  return value === undefined ? undefined : JSON.stringify(value);
}

function methodAttribute({ description, value, types }: NamespaceMethod, name: MethodAttribute): JsonValue | undefined {
  const { access, range, tags, extendedType, unit, critical } = description;
  switch (name) {
    case "TYPE":
      return description.types?.replace("?", "") ?? types;
    case "ACCESS":
      return ACCESS[access];
    case "VALUE":
      return value === null || !canRead(description) ? undefined : value.map(valueToJson);
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
  // JSON leaves out what is undefined.
  return { MIN: min, MAX: max, VALS: values?.map((value) => valueToJson(value)) };
}

function valueToText(value: OscValue): string {
  // By far the most frequent, and its text is JSON.
  return Number.isFinite(value) ? String(value) : JSON.stringify(valueToJson(value));
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
