/** Recordings of OSC packets: their formats, and playing them. Pure; src/recording/file.ts reads and writes files. */
