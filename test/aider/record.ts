import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Duration, Effect, FileSystem, Path, Redacted, Schema } from "effect"
import { fileURLToPath } from "node:url"
import type { ModelChoice } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as Folder from "../../src/layers/aider/Folder.ts"
import { invocation, versionOf } from "../../src/layers/aider/Invocation.ts"
import * as Subprocess from "../../src/layers/Subprocess.ts"
import { AiMock } from "../support/AiMock.ts"
import { before, teach } from "./Replies.ts"
import { Transcript } from "./Transcript.ts"
import * as Venv from "./Venv.ts"

// Records what Aider really does, success and each failure, as fixtures: node test/aider/record.ts [name ...]
// MOOSE_OLD_AIDER is a program whose version Moose does not know, for the one transcript that needs it.

const fixtures = fileURLToPath(new URL("../fixtures/aider/", import.meta.url))
const token = Redacted.make("token-of-this-attempt")

const model: ModelChoice = {
  provider: "openai",
  model: "gpt-test",
  maxOutputTokens: 4_096,
  inputPerMillion: Usd.make(1_000_000),
  outputPerMillion: Usd.make(2_000_000)
}

interface Scenario {
  readonly word: string
  /** A variable that it does not get. */
  readonly without?: string
  /** Something to spoil before it starts. */
  readonly spoil?: (where: { readonly worktree: string; readonly folder: Folder.Folder }) => void
  readonly command?: string
  readonly timeout?: Duration.Duration
  readonly killed?: boolean
}

const scenarios: Record<string, Scenario> = {
  success: { word: "round-well" },
  "success-after-reflection": { word: "fits-at-last" },
  "binary-missing": { word: "round-well", command: "/usr/bin/env" },
  "no-key": { word: "round-well", without: "OPENAI_API_KEY" },
  "auth-error-exit-0": { word: "wrong-key" },
  "model-unknown": { word: "no-such-model" },
  "context-exceeded": { word: "too-long" },
  "output-truncated": { word: "cut-off" },
  "edits-rejected": { word: "gives-up" },
  "edits-half-applied": { word: "half-fits" },
  "reflections-exhausted": { word: "never-fits" },
  "no-changes": { word: "says-it-is-done" },
  "empty-reply": { word: "empty-reply" },
  "budget-refused": { word: "over-budget" },
  "no-credit": { word: "no-credit" },
  "rate-limited": { word: "too-often" },
  "outside-the-worktree": { word: "outside-the-worktree" },
  "into-git": { word: "into-git" },
  "crashed-repository": {
    word: "round-well",
    spoil: ({ worktree }) => writeFileSync(join(worktree, ".git"), "gitdir: /nowhere\n")
  },
  "crashed-usage": { word: "round-well", spoil: ({ folder }) => writeFileSync(folder.config, "") },
  killed: { word: "never-answers", killed: true },
  "timed-out": { word: "never-answers", timeout: Duration.seconds(45) }
}

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args], {
    cwd,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" }
  })

const readIfThere = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}

const record = Effect.fnUntraced(function* (name: string, scenario: Scenario, aider: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { url } = yield* AiMock
  const root = realpathSync(mkdtempSync(join(tmpdir(), "moose-record-")))
  const repository = join(root, "repository")
  const worktree = join(root, "worktree")
  mkdirSync(join(repository, "src"), { recursive: true })
  git(repository, "init", "--quiet", "--initial-branch=main", "--template=")
  writeFileSync(join(repository, "src/a.js"), `${before}\n`)
  writeFileSync(join(repository, "src/b.js"), "export {}\n")
  git(repository, "add", "--all")
  git(repository, "commit", "--quiet", "--message", "base")
  git(repository, "worktree", "add", "--quiet", "--detach", worktree)
  const instructions = join(root, "order.md")
  writeFileSync(instructions, `Round half up in src/a.js. (${scenario.word})\n`)
  const folder = yield* Folder.make(fs, path, join(root, "order.md.d"), model)
  scenario.spoil?.({ worktree, folder })

  const baseUrl = `${url}/v1`
  const options = {
    command: aider,
    folder,
    worktree,
    instructions,
    model,
    files: [join(worktree, "src/a.js")]
  }
  const real = invocation({ ...options, access: { baseUrl, anthropicUrl: url, token } })
  const { command = real.command, without } = scenario
  const args = command === real.command ? real.args : ["aider-that-is-not-installed", ...real.args]
  const run = Subprocess.run({
    ...real,
    command,
    args,
    env: Object.fromEntries(Object.entries(real.env ?? {}).filter(([name]) => name !== without)),
    timeout: scenario.timeout ?? Duration.minutes(5),
    outputBytesMax: 1_000_000,
    ...(scenario.killed === true ? { heard: killAider(root) } : {})
  })
  const ended = yield* Effect.catchTag(run, "SubprocessTimedOut", ({ stdout, stderr }) =>
    Effect.succeed({ exitCode: null, signal: null, timedOut: true, stdout: Buffer.from(stdout), stderr })
  )
  yield* keep(name, root, baseUrl, {
    operation: "message",
    argv: [command, ...args.map((it) => (typeof it === "string" ? it : "REDACTED"))],
    exitCode: ended.exitCode,
    signal: ended.signal,
    timedOut: "timedOut" in ended,
    stdout: Subprocess.text(ended.stdout),
    stderr: ended.stderr,
    analytics: readIfThere(folder.analytics),
    refused: readIfThere(folder.refused)
      .split("\0")
      .filter((it) => it !== ""),
    diff: scenario.spoil === undefined ? git(worktree, "diff", "HEAD") : ""
  })
})

/** Ends the Aider of this folder the hard way once it has said what it edits: by its id. */
const killAider = (root: string) => {
  let heard = ""
  return (chunk: Uint8Array) =>
    Effect.sync(() => {
      heard += Buffer.from(chunk).toString()
      if (!heard.includes("to the chat")) return
      heard = ""
      const lines = execFileSync("ps", ["-A", "-ww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n")
      const line = lines.find((it) => it.includes(`${root}/`) && it.includes("--message-file"))
      if (line !== undefined) process.kill(Number.parseInt(line, 10), "SIGKILL")
    })
}

const keep = Effect.fnUntraced(function* (
  name: string,
  root: string,
  baseUrl: string,
  transcript: Transcript
) {
  const plain = (text: string): string =>
    text
      .replaceAll(root, "/recorded")
      .replaceAll(Venv.folder, "/venv")
      .replaceAll(process.env["MOOSE_OLD_AIDER"] ?? "\0", "/old/aider")
      .replaceAll(baseUrl, "http://127.0.0.1:1/v1")
      .replaceAll(/"user_id": "[^"]*"/g, '"user_id": "nobody"')
      .replaceAll(/"time": \d+/g, '"time": 0')
      .replaceAll(/^index [0-9a-f]+\.\.[0-9a-f]+/gm, "index 1..2")
  const encoded = Schema.encodeSync(Transcript)({
    ...transcript,
    argv: transcript.argv.map(plain),
    stdout: plain(transcript.stdout),
    stderr: plain(transcript.stderr),
    analytics: plain(transcript.analytics),
    refused: transcript.refused.map(plain),
    diff: plain(transcript.diff)
  })
  writeFileSync(join(fixtures, `${name}.json`), `${JSON.stringify(encoded, null, 2)}\n`)
  rmSync(root, { recursive: true, force: true })
  yield* Console.log(`${name}: exit ${transcript.exitCode ?? transcript.signal ?? "none"}`)
})

const recordVersion = Effect.fnUntraced(function* (name: string, command: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = realpathSync(mkdtempSync(join(tmpdir(), "moose-record-")))
  const folder = yield* Folder.make(fs, path, join(root, "own"), null)
  const version = versionOf(command, folder)
  const ended = yield* Subprocess.run({ ...version, timeout: Duration.minutes(2), outputBytesMax: 100_000 })
  yield* keep(name, root, "\0", {
    operation: "version",
    argv: [command, ...version.args.map(String)],
    exitCode: ended.exitCode,
    signal: ended.signal,
    timedOut: false,
    stdout: Subprocess.text(ended.stdout),
    stderr: ended.stderr,
    analytics: "",
    refused: [],
    diff: ""
  })
})

NodeRuntime.runMain(
  Effect.gen(function* () {
    const wanted = process.argv.slice(2)
    const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)
    const aider = yield* Venv.aider
    teach(yield* AiMock)
    const old = process.env["MOOSE_OLD_AIDER"]
    if (isWanted("version")) yield* recordVersion("version", aider)
    if (old !== undefined && isWanted("version-wrong")) yield* recordVersion("version-wrong", old)
    yield* Effect.forEach(
      Object.entries(scenarios).filter(([name]) => isWanted(name)),
      ([name, scenario]) => record(name, scenario, aider),
      { concurrency: 2 }
    )
  }).pipe(Effect.provide(AiMock.layer), Effect.provide(NodeServices.layer))
)
