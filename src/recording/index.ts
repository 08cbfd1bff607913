/** Recordings of OSC packets: their formats, and playing them. Pure: file.ts is the part that opens files. */
export { createRecordingWriter, readRecording } from "./formats.ts";
export { Player } from "./player.ts";
export type { PlayerOptions, PlayerSummary, PlayerTarget } from "./player.ts";
export type { ReadRecordingOptions, ReadableFormat, RecordedPacket, Recording, RecordingWriter, WritableFormat } from "./recording.ts";
