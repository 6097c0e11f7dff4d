import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Fiber, FileSystem, Path, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import * as Subprocess from "../../src/layers/Subprocess.ts"
import { running } from "../support/Processes.ts"

const bounds = {
  timeout: Duration.seconds(20),
  killAfter: Duration.millis(200),
  outputBytesMax: 1_000_000
}

const sh = (script: string, more: Partial<Subprocess.Command> = {}) =>
  Subprocess.run({ command: "sh", args: ["-c", script], ...bounds, ...more })

const node = (script: string, more: Partial<Subprocess.Command> = {}) =>
  Subprocess.run({ command: process.execPath, args: ["-e", script], ...bounds, ...more })

/** A pipe with a name: whoever reads it waits until somebody writes, without polling. */
const signpost = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  const pipe = path.join(directory, "signpost")
  execFileSync("mkfifo", [pipe])
  return { pipe, reached: fs.readFileString(pipe) }
})

describe("Subprocess", { concurrent: true }, () => {
  layer(NodeServices.layer, { excludeTestServices: true })((it) => {
    it.effect("answers a failing exit code, with stdout and stderr apart", () =>
      Effect.gen(function* () {
        const ended = yield* sh("echo out; echo err >&2; exit 3")
        assert.strictEqual(ended.exitCode, 3)
        assert.isNull(ended.signal)
        assert.strictEqual(Subprocess.text(ended.stdout), "out\n")
        assert.strictEqual(ended.stderr, "err\n")
        assert.deepStrictEqual(ended.truncated, { stdout: false, stderr: false })
      })
    )

    it.effect("names the signal a program died of", () =>
      Effect.gen(function* () {
        const ended = yield* sh("kill -KILL $$")
        assert.isNull(ended.exitCode)
        assert.strictEqual(ended.signal, "SIGKILL")
      })
    )

    it.effect("tells a missing program from a missing folder", () =>
      Effect.gen(function* () {
        const program = yield* Effect.flip(
          Subprocess.run({ command: "no-such-program", args: [], ...bounds })
        )
        assert.strictEqual(program._tag, "SubprocessMissing")
        const folder = yield* Effect.flip(sh("true", { cwd: "/no/such/folder" }))
        assert.strictEqual(folder._tag, "SubprocessFailed")
      })
    )

    it.effect("passes on PATH and HOME, what it is given, and nothing else", () =>
      Effect.gen(function* () {
        process.env["MOOSE_TEST_SECRET"] = "hunter2"
        const ended = yield* Subprocess.run({
          command: "env",
          args: [],
          ...bounds,
          env: { GIVEN: "yes", HIDDEN: Redacted.make("there") }
        })
        delete process.env["MOOSE_TEST_SECRET"]
        const names = Subprocess.text(ended.stdout)
          .split("\n")
          .flatMap((line) => (line === "" ? [] : [line.split("=")[0]]))
        assert.include(names, "PATH")
        assert.include(names, "GIVEN")
        assert.include(Subprocess.text(ended.stdout), "HIDDEN=there")
        assert.deepStrictEqual(
          names.filter((name) => !["PATH", "HOME", "TMPDIR", "GIVEN", "HIDDEN"].includes(name ?? "")),
          []
        )
      })
    )

    it.effect("keeps redacted arguments out of failures", () =>
      Effect.gen(function* () {
        const args = [Redacted.make("hunter2")]
        const missing = yield* Effect.flip(Subprocess.run({ command: "no-such-program", args, ...bounds }))
        const refused = yield* Effect.flip(
          Subprocess.run({ command: "true", args: [Redacted.make("hunter2\0")], ...bounds })
        )
        for (const failure of [missing, refused]) {
          assert.notInclude(`${failure.message} ${JSON.stringify(failure)}`, "hunter2")
        }
      })
    )

    it.effect("hands over stdin, and survives a program that does not read it", () =>
      Effect.gen(function* () {
        const read = yield* Subprocess.run({ command: "cat", args: [], ...bounds, stdin: "grüße\n" })
        assert.strictEqual(Subprocess.text(read.stdout), "grüße\n")
        const unread = yield* sh("exit 0", { stdin: new Uint8Array(4_000_000) })
        assert.strictEqual(unread.exitCode, 0)
        const empty = yield* Subprocess.run({ command: "cat", args: [], ...bounds })
        assert.strictEqual(empty.stdout.length, 0)
      })
    )

    it.effect("reads on when there is too much output, and keeps the end that was asked for", () =>
      Effect.gen(function* () {
        const script = "for (let i = 0; i < 400000; i++) process.stdout.write(`${i}\\n`)"
        const first = yield* node(script, { outputBytesMax: 10 })
        assert.strictEqual(first.exitCode, 0)
        assert.strictEqual(Subprocess.text(first.stdout), "0\n1\n2\n3\n4\n")
        assert.deepStrictEqual(first.truncated, { stdout: true, stderr: false })
        const last = yield* node(script, { outputBytesMax: 10, keep: "end" })
        assert.strictEqual(last.exitCode, 0)
        assert.strictEqual(Subprocess.text(last.stdout), "98\n399999\n")
        assert.isTrue(last.truncated.stdout)
        const exact = yield* sh("printf 0123456789", { outputBytesMax: 10 })
        assert.isFalse(exact.truncated.stdout)
      })
    )

    it.effect("kills the whole process group at its time limit, also what ignores SIGTERM", () =>
      Effect.gen(function* () {
        const { pipe } = yield* signpost
        const failure = yield* Effect.flip(
          sh(`trap '' TERM; echo begun; sh -c 'trap "" TERM; while :; do sleep 1; done' "${pipe}"`, {
            timeout: Duration.seconds(3)
          })
        )
        assert.strictEqual(failure._tag, "SubprocessTimedOut")
        if (failure._tag === "SubprocessTimedOut") {
          assert.strictEqual(failure.limitMs, 3_000)
          assert.strictEqual(failure.stdout, "begun\n")
        }
        assert.deepStrictEqual(running(pipe), [])
      })
    )

    it.effect("leaves no process behind when it is interrupted", () =>
      Effect.gen(function* () {
        const { pipe, reached } = yield* signpost
        const fiber = yield* Effect.forkChild(
          sh(`sh -c 'echo here > "$0"; while :; do sleep 1; done' "${pipe}"; true`)
        )
        assert.strictEqual(yield* reached, "here\n")
        assert.isAbove(running(pipe).length, 0)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(running(pipe), [])
      })
    )

    it.effect("ends what a program left in the background when it ends itself", () =>
      Effect.gen(function* () {
        const { pipe } = yield* signpost
        const ended = yield* sh(`sh -c 'while :; do sleep 1; done' "${pipe}" & echo done`)
        assert.strictEqual(ended.exitCode, 0)
        assert.strictEqual(Subprocess.text(ended.stdout), "done\n")
        assert.deepStrictEqual(running(pipe), [])
      })
    )

    it.effect("does not wait for a daemon that holds the pipe, and says that output may be missing", () =>
      Effect.gen(function* () {
        const daemon = "process.stdout.write('x'); setTimeout(() => {}, 4000)"
        const ended = yield* node(
          `const { spawn } = require("node:child_process");
           const child = spawn(process.execPath, ["-e", ${JSON.stringify(daemon)}], { detached: true, stdio: ["ignore", 1, "ignore"] });
           child.unref(); process.stdout.write("started ")`
        )
        assert.strictEqual(ended.exitCode, 0)
        assert.include(Subprocess.text(ended.stdout), "started ")
        assert.deepStrictEqual(ended.truncated, { stdout: true, stderr: false })
      })
    )
  })
})
