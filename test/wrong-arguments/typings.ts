/** What the typings of the package say about its functions, constructors and options: read from the source, so that nothing can be missing. */

import { fileURLToPath } from "node:url";
import ts from "typescript";

/** A kind of value. `true` and `false` are apart because some options take one of them only. */
export type Kind =
  | "undefined"
  | "null"
  | "true"
  | "false"
  | "number"
  | "bigint"
  | "string"
  | "symbol"
  | "function"
  | "array"
  | "bytes"
  | "plain"
  | "instance";

/** A parameter, or an option. */
export interface Typed {
  readonly name: string;
  /** The kinds of values that the type admits. Literals such as `"auto"` admit none. */
  readonly kinds: ReadonlySet<Kind>;
  /** The options, if it is an object of options. */
  readonly options: readonly Typed[];
}

/** A function, a constructor (`new Name`) or a method (`Name.method`). */
export interface Callable {
  readonly name: string;
  readonly parameters: readonly Typed[];
}

const ALL: readonly Kind[] = [
  "undefined",
  "null",
  "true",
  "false",
  "number",
  "bigint",
  "string",
  "symbol",
  "function",
  "array",
  "bytes",
  "plain",
  "instance",
];

/** Everything with parameters that a module exports, methods of classes included; a method that classes share is given once. */
export function callablesOf(module: URL): Callable[] {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const path = fileURLToPath(module);
  const { options } = ts.getParsedCommandLineOfConfigFile(
    `${root}tsconfig.json`,
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  )!;
  const program = ts.createProgram([path], { ...options, noEmit: true });
  const reader = new Reader(program.getTypeChecker());
  const symbol = reader.checker.getSymbolAtLocation(program.getSourceFile(path)!)!;
  return reader.checker.getExportsOfModule(symbol).flatMap((exported) => reader.read(exported));
}

class Reader {
  readonly checker: ts.TypeChecker;
  readonly #seen = new Set<ts.Declaration>();

  constructor(checker: ts.TypeChecker) {
    this.checker = checker;
  }

  read(exported: ts.Symbol): Callable[] {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(exported) : exported;
    if (!(symbol.flags & ts.SymbolFlags.Value)) return [];
    const type = this.checker.getTypeOfSymbol(symbol);
    if (exported.declarations?.some((declaration) => ts.isExportSpecifier(declaration) && declaration.isTypeOnly) === true) return [];
    const found = [this.#callable(exported.name, type.getCallSignatures())];
    if (!isAbstract(symbol)) found.push(this.#callable(`new ${exported.name}`, type.getConstructSignatures()));
    if (type.getConstructSignatures().length > 0) {
      found.push(...this.#methods(exported.name, this.checker.getDeclaredTypeOfSymbol(symbol).getProperties()));
      found.push(
        ...this.#methods(
          exported.name,
          type.getProperties().filter(({ name }) => name !== "prototype"),
        ),
      );
    }
    return found.filter(({ parameters }) => parameters.length > 0);
  }

  #methods(owner: string, properties: readonly ts.Symbol[]): Callable[] {
    return properties.flatMap((property) => {
      const { valueDeclaration } = property;
      if (valueDeclaration === undefined || !ts.isMethodDeclaration(valueDeclaration) || ts.isPrivateIdentifier(valueDeclaration.name))
        return [];
      const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
      if (ts.getCombinedModifierFlags(valueDeclaration) & hidden || this.#seen.has(valueDeclaration)) return [];
      this.#seen.add(valueDeclaration);
      return [this.#callable(`${owner}.${property.name}`, this.checker.getTypeOfSymbol(property).getCallSignatures())];
    });
  }

  /** Overloads are taken together: a parameter admits what it admits in any of them. */
  #callable(name: string, signatures: readonly ts.Signature[]): Callable {
    const lists = signatures.flatMap((signature) => this.#parameterLists(signature));
    const longest = Math.max(0, ...lists.map((list) => list.length));
    const parameters = Array.from({ length: longest }, (_, index) => {
      const all = lists.map((list) => list[index] ?? { name: "", kinds: new Set<Kind>(["undefined"]), options: [] });
      const named = all.find((parameter) => parameter.name !== "")!;
      const options = new Map<string, Set<Kind>>();
      for (const option of all.flatMap((parameter) => parameter.options)) {
        options.set(option.name, new Set([...(options.get(option.name) ?? []), ...option.kinds]));
      }
      return {
        name: named.name,
        kinds: new Set(all.flatMap(({ kinds }) => [...kinds])),
        options: [...options].map(([option, kinds]) => ({ name: option, kinds, options: [] })),
      };
    });
    return { name, parameters };
  }

  /** The parameters of a signature: several lists if its rest parameter is one tuple or another. */
  #parameterLists(signature: ts.Signature): Typed[][] {
    const parameters = signature.getParameters();
    const last = parameters.at(-1);
    const isRest =
      last?.valueDeclaration !== undefined && ts.isParameter(last.valueDeclaration) && last.valueDeclaration.dotDotDotToken !== undefined;
    const plain = (isRest ? parameters.slice(0, -1) : parameters).map((parameter) =>
      this.#typed(parameter.name, this.checker.getTypeOfSymbol(parameter), isOptional(parameter)),
    );
    if (last === undefined || !isRest) return [plain];
    const type = this.checker.getTypeOfSymbol(last);
    const forms = type.isUnion() ? type.types : [type];
    return forms.map((form) => {
      if (!this.checker.isTupleType(form)) return plain;
      const { target } = form as ts.TupleTypeReference;
      return [
        ...plain,
        ...this.checker.getTypeArguments(form as ts.TupleTypeReference).map((element, index) => {
          const label = target.labeledElementDeclarations?.[index];
          const name = label !== undefined && ts.isNamedTupleMember(label) ? label.name.text : `${last.name}[${index}]`;
          return this.#typed(name, element, ((target.elementFlags[index] ?? 0) & ts.ElementFlags.Optional) !== 0);
        }),
      ];
    });
  }

  #typed(name: string, type: ts.Type, optional: boolean): Typed {
    const kinds = new Set(this.#kinds(type));
    if (optional) kinds.add("undefined");
    return { name: name.startsWith("__") ? "options" : name, kinds, options: this.#options(type, name) };
  }

  /** The properties of a type that is an object of options: if the name of the parameter or of the type says so, or if nothing must be given. */
  #options(type: ts.Type, parameter: string): Typed[] {
    const forms = (type.isUnion() ? type.types : [type]).filter((form) => this.#isOptions(form, parameter));
    return forms.flatMap((form) =>
      this.checker.getPropertiesOfType(form).map((property) => ({
        name: property.name,
        kinds: new Set([...this.#kinds(this.checker.getTypeOfSymbol(property)), ...(isOptional(property) ? (["undefined"] as const) : [])]),
        options: [],
      })),
    );
  }

  #isOptions(type: ts.Type, parameter: string): boolean {
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || type.getCallSignatures().length > 0) return false;
    if (this.checker.isArrayType(type) || this.checker.isTupleType(type)) return false;
    const name = type.aliasSymbol?.name ?? type.getSymbol()?.name ?? "";
    const properties = this.checker.getPropertiesOfType(type);
    return properties.length > 0 && (parameter === "options" || name.endsWith("Options") || properties.every(isOptional));
  }

  #kinds(type: ts.Type): readonly Kind[] {
    const { flags } = type;
    if (flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return ALL;
    if (flags & ts.TypeFlags.TypeParameter) return this.#kinds(this.checker.getBaseConstraintOfType(type) ?? this.checker.getAnyType());
    if (type.isUnion()) return type.types.flatMap((part) => this.#kinds(part));
    if (flags & ts.TypeFlags.BooleanLiteral) return [this.checker.typeToString(type) as "true" | "false"];
    if (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Void)) return ["undefined"];
    if (flags & ts.TypeFlags.Null) return ["null"];
    if (flags & ts.TypeFlags.Number) return ["number"];
    if (flags & ts.TypeFlags.BigInt) return ["bigint"];
    if (flags & ts.TypeFlags.String) return ["string"];
    if (flags & ts.TypeFlags.ESSymbol) return ["symbol"];
    if (type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0) return ["function"];
    if (this.checker.isArrayType(type) || this.checker.isTupleType(type)) return ["array"];
    if (type.getSymbol()?.name === "Uint8Array") return ["bytes"];
    const needed = this.checker.getPropertiesOfType(type).filter((property) => !isOptional(property));
    return flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && needed.length === 0 ? ["plain"] : [];
  }
}

function isOptional(symbol: ts.Symbol): boolean {
  const { valueDeclaration } = symbol;
  if (symbol.flags & ts.SymbolFlags.Optional) return true;
  return (
    valueDeclaration !== undefined &&
    ts.isParameter(valueDeclaration) &&
    (valueDeclaration.questionToken ?? valueDeclaration.initializer) !== undefined
  );
}

function isAbstract(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some((declaration) => (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Abstract) !== 0);
}
