import { spawnSync } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import manifest from "../package.json" with { type: "json" }

// Compiles src/ to dist/: Node strips no types inside node_modules, so a package must hold JavaScript.

const root = join(import.meta.dirname, "..")

const stop = (problem: string): never => {
  console.error(`build: ${problem}`)
  process.exit(1)
}

// A file whose source is gone must not be packed.
rmSync(join(root, "dist"), { recursive: true, force: true })

const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
if (!existsSync(tsc)) stop("TypeScript is not installed; run npm install first")
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  cwd: root,
  stdio: "inherit"
})
if (compiled.error !== undefined) stop(`tsc did not start: ${compiled.error.message}`)
if (compiled.status !== 0) stop(`tsc ended with ${compiled.status ?? compiled.signal}`)

// What package.json promises, and what bin/moose.js imports.
const promised = Object.values(manifest.exports).flatMap((target) =>
  typeof target === "string" ? [target] : Object.values(target)
)
for (const file of [...promised, "dist/cli/main.js"]) {
  if (!existsSync(join(root, file))) stop(`${file} was not made`)
}
