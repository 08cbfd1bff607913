import { type OscColor, type OscValue, TimeTag } from "../codec/index.ts";
import type { ArgumentRange, CheckedDescription, NamespaceMethod, NamespaceNode } from "../namespace/index.ts";
import { canRead } from "../namespace/index.ts";

/** The node attributes that this server supports, as listed in `HOST_INFO`. */
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

/** Attributes that messages to a method don't change. */
const FIXED = ["ACCESS", "RANGE", "DESCRIPTION", "TAGS", "EXTENDED_TYPE", "UNIT", "CRITICAL", "CLIPMODE"] as const;

/** A value in OSCQuery's JSON. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined };

const ACCESS = { none: 0, read: 1, write: 2, readwrite: 3 } as const;

/** Whether a text names an attribute. */
export function isAttribute(name: string): name is Attribute {
  return (ATTRIBUTES as readonly string[]).includes(name);
}

/** The JSON of attributes that don't depend on the value, cached because trees are requested repeatedly. */
interface FixedText {
  readonly address: string;
  readonly text: string;
}

const fixedTexts = new WeakMap<CheckedDescription, FixedText>();

/** A node and its descendants as JSON. */
export function nodeToText({ address, children, method }: NamespaceNode): string {
  const own = method === null ? `{"FULL_PATH":${quoted(address)},"ACCESS":${ACCESS.none}` : textOf(method);
  return children.size === 0 ? `${own}}` : `${own},"CONTENTS":${contentsToText(children)}}`;
}

function contentsToText(children: NamespaceNode["children"]): string {
  let text = "";
  for (const [name, child] of children) text += `${text === "" ? "{" : ","}${quoted(name)}:${nodeToText(child)}`;
  return `${text}}`;
}

/** An address, or a part of one, as JSON. Only these two characters need escaping. */
function quoted(text: string): string {
  return text.includes('"') || text.includes("\\") ? JSON.stringify(text) : `"${text}"`;
}

/** A method's attributes, without the closing brace. */
function textOf(method: NamespaceMethod): string {
  const { address, description, types, value } = method;
  let fixed = fixedTexts.get(description);
  // After a rename, the same description has another address.
  if (fixed?.address !== address) {
    const attributes: Record<string, JsonValue | undefined> = { FULL_PATH: address };
    for (const name of FIXED) attributes[name] = methodAttribute(method, name);
    if (description.types !== undefined) attributes["TYPE"] = methodAttribute(method, "TYPE");
    fixed = { address, text: JSON.stringify(attributes).slice(0, -1) };
    fixedTexts.set(description, fixed);
  }
  const type = description.types === undefined ? `,"TYPE":${JSON.stringify(types)}` : "";
  if (value === null || !canRead(description)) return fixed.text + type;
  return `${fixed.text}${type},"VALUE":[${value.length === 1 ? valueToText(value[0] as OscValue) : value.map(valueToText).join(",")}]`;
}

/** One attribute of a node as JSON; undefined if the node doesn't have it, or its access forbids it. */
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
  // JSON omits undefined properties.
  return { MIN: min, MAX: max, VALS: values?.map((value) => valueToJson(value)) };
}

function valueToText(value: OscValue): string {
  // By far the most frequent case, and its text is valid JSON.
  return Number.isFinite(value) ? String(value) : JSON.stringify(valueToJson(value));
}

function valueToJson(value: OscValue): JsonValue {
  if (typeof value === "string" || typeof value === "boolean") return value;
  // JSON has no NaN or infinities; OSCQuery has no form for blobs, MIDI or time tags.
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
