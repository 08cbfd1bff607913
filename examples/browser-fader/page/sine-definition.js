/** The name of the synth definition. */
export const SINE = "oscine-sine";

const CONTROL_RATE = 1;
const AUDIO_RATE = 2;
const MULTIPLY = 2;

/**
 * A sine with the controls `freq` and `amp`, as the bytes that scsynth's `/d_recv` accepts ("SCgf", version 2). In sclang:
 *
 *     SynthDef("oscine-sine", { |freq = 440, amp = 0| Out.ar(0, SinOsc.ar(freq) * Lag.kr(amp, 0.05) ! 2) })
 */
export function sineDefinition() {
  const constants = [0, 0.05];
  const [zero, lagSeconds] = [constant(0), constant(1)];
  const units = [
    unit("Control", CONTROL_RATE, [], 2),
    unit("SinOsc", AUDIO_RATE, [output(0, 0), zero], 1),
    unit("Lag", CONTROL_RATE, [output(0, 1), lagSeconds], 1),
    unit("BinaryOpUGen", AUDIO_RATE, [output(1, 0), output(2, 0)], 1, MULTIPLY),
    unit("Out", AUDIO_RATE, [zero, output(3, 0), output(3, 0)], 0),
  ];
  return Uint8Array.from([
    ...new TextEncoder().encode("SCgf"),
    ...int32(2),
    ...int16(1),
    ...text(SINE),
    ...list(constants, float32),
    ...list([440, 0], float32),
    ...list(["freq", "amp"], (name, index) => [...text(name), ...int32(index)]),
    ...list(units, (bytes) => bytes),
    ...int16(0),
  ]);
}

function unit(name, rate, inputs, outputs, special = 0) {
  const rates = Array.from({ length: outputs }, () => rate);
  return [...text(name), rate, ...int32(inputs.length), ...int32(outputs), ...int16(special), ...inputs.flat(), ...rates];
}

/** An input that is a constant, by its index. */
const constant = (index) => [...int32(-1), ...int32(index)];
/** An input that is an output of an earlier unit. */
const output = (unitIndex, index) => [...int32(unitIndex), ...int32(index)];
/** A list, preceded by its length. */
const list = (items, bytesOf) => [...int32(items.length), ...items.flatMap(bytesOf)];
/** A string, preceded by its length in one byte. */
const text = (value) => [value.length, ...new TextEncoder().encode(value)];
const int16 = (value) => number(2, (view) => view.setInt16(0, value));
const int32 = (value) => number(4, (view) => view.setInt32(0, value));
const float32 = (value) => number(4, (view) => view.setFloat32(0, value));

function number(size, set) {
  const bytes = new Uint8Array(size);
  set(new DataView(bytes.buffer));
  return [...bytes];
}
