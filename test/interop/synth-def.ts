/** Rates at which a unit generator runs. */
const CONTROL = 1;
const AUDIO = 2;

/** Where a unit generator takes a value from: a number, or an output of a unit generator before it. */
type Input = number | { readonly unit: number; readonly output: number };

interface UnitGenerator {
  readonly name: string;
  readonly rate: typeof CONTROL | typeof AUDIO;
  readonly inputs: readonly Input[];
  /** How many outputs it has, all at its own rate. */
  readonly outputs: number;
  /** What a unit with several meanings means: the operator of `BinaryOpUGen`. */
  readonly special?: number;
}

interface SynthDef {
  readonly name: string;
  /** The controls and their defaults, in order. */
  readonly controls: Readonly<Record<string, number>>;
  readonly units: readonly UnitGenerator[];
}

/** The bytes that SuperCollider calls “SCgf” of version 2, as `/d_recv` takes them: one definition, without variants. */
function synthDefBytes({ name, controls, units }: SynthDef): Uint8Array {
  const constants: number[] = [];
  for (const input of units.flatMap(({ inputs }) => inputs)) {
    if (typeof input === "number" && !constants.includes(input)) constants.push(input);
  }
  const names = Object.keys(controls);
  const parts = [text("SCgf"), int32(2), int16(1), pascal(name)];
  parts.push(int32(constants.length), ...constants.map(float32));
  parts.push(int32(names.length), ...names.map((control) => float32(controls[control] ?? 0)));
  parts.push(int32(names.length), ...names.flatMap((control, index) => [pascal(control), int32(index)]));
  parts.push(int32(units.length), ...units.flatMap((unit) => unitBytes(unit, constants)));
  parts.push(int16(0));
  return Uint8Array.from(parts.flat());
}

function unitBytes({ name, rate, inputs, outputs, special = 0 }: UnitGenerator, constants: readonly number[]): number[][] {
  const sources = inputs.map((input) =>
    typeof input === "number" ? [...int32(-1), ...int32(constants.indexOf(input))] : [...int32(input.unit), ...int32(input.output)],
  );
  const rates = Array.from({ length: outputs }, () => rate);
  return [pascal(name), [rate], int32(inputs.length), int32(outputs), int16(special), ...sources, rates];
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

/** Text with its length before it, in one byte. */
function pascal(value: string): number[] {
  const bytes = text(value);
  return [bytes.length, ...bytes];
}

function int16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function int32(value: number): number[] {
  return [...int16(value >> 16), ...int16(value)];
}

function float32(value: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [...new Uint8Array(view.buffer)];
}

/** A sine that fades in two seconds and then frees its synth: `{ |freq = 440, amp = 0.2| Out.ar(0, SinOsc.ar(freq) * amp * Line.kr(1, 0, 0.2, 2)) }`. */
export const BEEP: Uint8Array = synthDefBytes({
  name: "beep",
  controls: { freq: 440, amp: 0.2 },
  units: [
    { name: "Control", rate: CONTROL, inputs: [], outputs: 2 },
    { name: "SinOsc", rate: AUDIO, inputs: [{ unit: 0, output: 0 }, 0], outputs: 1 },
    {
      name: "BinaryOpUGen",
      rate: AUDIO,
      inputs: [
        { unit: 1, output: 0 },
        { unit: 0, output: 1 },
      ],
      outputs: 1,
      special: 2,
    },
    { name: "Line", rate: CONTROL, inputs: [1, 0, 0.2, 2], outputs: 1 },
    {
      name: "BinaryOpUGen",
      rate: AUDIO,
      inputs: [
        { unit: 2, output: 0 },
        { unit: 3, output: 0 },
      ],
      outputs: 1,
      special: 2,
    },
    { name: "Out", rate: AUDIO, inputs: [0, { unit: 4, output: 0 }], outputs: 0 },
  ],
});
