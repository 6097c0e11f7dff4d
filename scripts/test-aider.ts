import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as Venv from "../test/aider/Venv.ts"

// Aider for real: installed into a virtual environment of its own when there is none, then its tests, then
// "N passed, N failed". MOOSE_AIDER names another Aider, MOOSE_AIDER_VENV another place for ours.

const root = join(import.meta.dirname, "..")
const temporary = mkdtempSync(join(tmpdir(), "moose-test-aider-"))
const report = join(temporary, "report.json")

const node = (...args: ReadonlyArray<string>): number =>
  spawnSync(process.execPath, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, MOOSE_AIDER: aider }
  }).status ?? 1

const installed = Effect.runSync(Effect.result(Venv.aider))
const aider = installed._tag === "Success" ? installed.success : ""
if (installed._tag === "Failure") {
  console.log(`FAIL Aider could not be installed: ${installed.failure.message}`)
  console.log("0 passed, 1 failed")
  process.exitCode = 1
} else {
  console.log(`aider: ${aider}`)
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const config = ["--config", "test/aider/vitest.config.ts", "--reporter=default", "--reporter=json"]
  const tests = node(vitest, "run", ...config, `--outputFile.json=${report}`, ...process.argv.slice(2))
  const counted = node("scripts/count-tests.ts", report)
  process.exitCode = tests === 0 ? counted : tests
}
rmSync(temporary, { recursive: true, force: true })
