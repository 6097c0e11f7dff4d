import { appendFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Deferred, Effect, Exit, Option, Schema } from "effect"
import type * as PostgresProxy from "../../src/testing/real/PostgresProxy.ts"
import { StepContext } from "../../src/steps/StepContext.ts"
import { type Run, Trace, type Report } from "./Messages.ts"
import type * as Plan from "./Plan.ts"

const encode = Schema.encodeSync(Schema.fromJsonString(Trace))

/** Who is asked to kill the process while something is under way. */
export type During =
  /** The connection to the database: once the server has done the statement that holds `marker`, or has got it. */
  | { readonly _tag: "Statement" }
  /** The other end of HTTP, in the bench's own process. */
  | { readonly _tag: "Request" }
  /** The git that is started next with these words. */
  | { readonly _tag: "Git"; readonly words: string }

export interface Points {
  readonly claimed: (executions: ReadonlyArray<string>) => void
  readonly running: (executions: ReadonlyArray<string>) => void
  /**
   * Does something that outlives this process: it is written down, and the process dies before, during or after it
   * if its time has come. `act` is given what a statement has to hold for its connection to notice.
   */
  readonly around: <A, E, R>(
    effect: Plan.Effect,
    during: During,
    act: (marker: string | undefined) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  readonly goOn: () => void
}

/** What one process does for one schedule. Written down synchronously: a process that is killed loses nothing of it. */
export const make = (options: {
  readonly run: Run
  readonly proxy: PostgresProxy.PostgresProxy
  readonly tell: (report: Report) => void
}): Points => {
  const { proxy, run, tell } = options
  const { pid } = process
  const counts = new Map<Plan.Effect, number>()
  let waiting: Deferred.Deferred<void> | undefined
  let isDisturbed = false
  let lastRunning = ""

  const note = (trace: Trace) => appendFileSync(run.trace, `${encode(trace)}\n`)
  const die = () => process.kill(pid, "SIGKILL")
  const isDue = (effect: Plan.Effect, phase: Plan.Phase, occurrence: number) =>
    run.kill?.effect === effect && run.kill.phase === phase && run.kill.occurrence === occurrence

  const askAndWait = (report: Report) =>
    Effect.suspend(() => {
      waiting = Deferred.makeUnsafe()
      tell(report)
      return Deferred.await(waiting)
    })

  const arm = (effect: Plan.Effect, during: During, kill: Plan.Kill) =>
    Effect.gen(function* () {
      switch (during._tag) {
        case "Statement": {
          const marker = `killed-${pid}-${run.kill?.occurrence ?? 0}`
          const { lost } = yield* proxy.loseReply(marker)
          yield* Effect.forkDetach(Effect.andThen(lost, Effect.sync(die)), { startImmediately: true })
          return marker
        }
        case "Request":
          yield* askAndWait({ _tag: "KillMe", effect, done: kill.done })
          return undefined
        case "Git": {
          const how = kill.children ? "children" : "alone"
          writeFileSync(join(run.programs ?? run.home, "armed"), `${how} ${pid} ${during.words}`)
          return undefined
        }
      }
    })

  return {
    claimed: (executions) => note({ _tag: "Claimed", at: Date.now(), pid, executions }),
    running: (executions) => {
      const now = executions.join()
      if (now === lastRunning) return
      lastRunning = now
      note({ _tag: "Running", at: Date.now(), pid, executions })
    },
    goOn: () => {
      if (waiting !== undefined) Deferred.doneUnsafe(waiting, Exit.void)
    },
    around: (effect, during, act) =>
      Effect.gen(function* () {
        const context = yield* Effect.serviceOption(StepContext)
        const step = Option.match(context, { onNone: () => null, onSome: ({ name }) => name })
        const occurrence = (counts.get(effect) ?? 0) + 1
        counts.set(effect, occurrence)
        const did = (phase: Plan.Phase, failed: string | null = null) =>
          note({ _tag: "Did", at: Date.now(), pid, effect, phase, occurrence, step, failed })

        const { disturbedAt, kill } = run
        if (!isDisturbed && disturbedAt === effect && (effect !== "clean-up" || step === null)) {
          isDisturbed = true
          yield* askAndWait({ _tag: "Disturb" })
        }
        did("before")
        if (isDue(effect, "before", occurrence)) die()
        const isNow = kill !== null && isDue(effect, "during", occurrence)
        const marker = isNow ? yield* arm(effect, during, kill) : undefined
        const exit = yield* Effect.exit(act(marker))
        const failure = Exit.findErrorOption(exit)
        did("after", Exit.isSuccess(exit) ? null : String(Option.getOrElse(failure, () => "interrupted")))
        if (isDue(effect, "after", occurrence)) die()
        return yield* exit
      })
  }
}
