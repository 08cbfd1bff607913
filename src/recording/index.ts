/** Formats and playback of recorded OSC packets. Runs in browsers too; only file.ts opens files. */
export { createRecordingWriter, readRecording } from "./formats.ts";
export { Player } from "./player.ts";
export type { PlayerOptions, PlayerSummary, PlayerTarget } from "./player.ts";
export type { ReadRecordingOptions, ReadableFormat, RecordedPacket, Recording, RecordingWriter, WritableFormat } from "./recording.ts";
