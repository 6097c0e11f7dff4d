import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"

// A private virtual environment with the one Aider that is tested with, made when there is none.

const requirements = fileURLToPath(new URL("requirements.txt", import.meta.url))
const repository = fileURLToPath(new URL("../../", import.meta.url))

/** MOOSE_AIDER_VENV, or a folder of the repository that git ignores. */
export const folder = resolve(process.env["MOOSE_AIDER_VENV"] ?? join(repository, ".moose", "aider-venv"))

export class VenvFailed extends Schema.TaggedError<VenvFailed>()("VenvFailed", { problem: Schema.String }) {
  override get message() {
    return this.problem
  }
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2] })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`)
}

/** The requirements pin 3.10 to 3.12: what Aider 0.86 runs on. */
const pythons = ["python3.11", "python3.12", "python3.10", "python3"]

const python = (): string => {
  const found = pythons.find((name) => {
    const { status, stdout } = spawnSync(
      name,
      ["-c", "import sys, venv, ensurepip; print(sys.version_info[:2])"],
      {
        encoding: "utf8"
      }
    )
    return status === 0 && /\(3, 1[012]\)/.test(stdout)
  })
  if (found === undefined) throw new Error(`none of ${pythons.join(", ")} is a Python 3.10 to 3.12 with venv`)
  return found
}

const binary = join(folder, "bin", "aider")

/** An Aider that is there already; nothing is installed. */
export const found = (): string | undefined =>
  process.env["MOOSE_AIDER"] ?? (existsSync(binary) ? binary : undefined)

const make = (): string => {
  const stamp = join(folder, "requirements.sha256")
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex")
  if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return binary
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run(python(), "-m", "venv", folder)
  // Nothing is taken whose hash is not written down, and nothing is built here but what has no wheel. Nothing is left
  // in the home of whoever runs this.
  const pip = [join(folder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"] as const
  run(...pip, "--no-cache-dir", "--require-hashes", "--requirement", requirements)
  writeFileSync(stamp, wanted)
  return binary
}

/** The path of an Aider that runs, installed first if need be; that takes minutes and 700 MB. */
export const aider = Effect.try({
  try: () => {
    const given = process.env["MOOSE_AIDER"]
    const binary = given ?? make()
    execFileSync(binary, ["--version"], { stdio: "ignore" })
    return binary
  },
  catch: (error) => new VenvFailed({ problem: error instanceof Error ? error.message : String(error) })
})
