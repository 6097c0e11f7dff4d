import { Duration, Effect, Layer } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { ChecksFailed } from "../domain/errors/ApplyError.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Check } from "../domain/Project.ts"
import { Checks } from "../services/Checks.ts"
import * as Subprocess from "./Subprocess.ts"

const failed = (check: Check, excerpt: string, exitCode?: number | null) =>
  new ChecksFailed({
    check: check.name,
    log: Evidence.redact(excerpt).slice(-Limits.checkLogShownCharactersMax),
    evidence: Evidence.make({
      operation: check.command.join(" "),
      excerpt: excerpt.slice(-2 * Evidence.excerptCharactersMax),
      ...(typeof exitCode === "number" ? { exitCode } : {})
    })
  })

/** Checks as child processes. They see no secret: of the environment only PATH, HOME and TMPDIR, and CI=true. */
export const layer = Layer.effect(
  Checks,
  Effect.gen(function* () {
    const provide = Effect.provide(yield* Effect.context<ChildProcessSpawner.ChildProcessSpawner>())
    return Checks.of({
      run: Effect.fn("Checks.run")(function* ({ directory, check }) {
        const [command, ...args] = check.command
        const ended = yield* Subprocess.run({
          command,
          args,
          cwd: directory,
          env: { CI: "true", NO_COLOR: "1" },
          timeout: Duration.millis(check.timeoutMs),
          outputBytesMax: Limits.checkLogBytesMax,
          keep: "end"
        }).pipe(Effect.mapError((error) => failed(check, error.message)))
        if (ended.exitCode === 0) return
        const how = ended.signal === null ? "" : `killed by ${ended.signal}\n`
        const output = `${how}${Subprocess.text(ended.stdout)}\n${ended.stderr}`.trim()
        return yield* failed(check, output, ended.exitCode)
      }, provide)
    })
  })
)
