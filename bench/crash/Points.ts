import { appendFileSync, statSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { Deferred, Effect, Exit, Option, Schema } from "effect"
import type * as PostgresProxy from "../../src/testing/real/PostgresProxy.ts"
import { StepContext } from "../../src/steps/StepContext.ts"
import { type Run, Trace, type Report } from "./Messages.ts"
import type * as Plan from "./Plan.ts"

const gitOnes: ReadonlyArray<Plan.Effect> = ["worktree", "commit", "clean-up"]

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
  /** It has work now, and dies where the next one is to die. */
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
  /** Whoever it waits for has done what it waits for. */
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
  let mine: Plan.Kill | undefined
  const path = process.env["PATH"] ?? ""

  const note = (trace: Trace) => appendFileSync(run.trace, `${encode(trace)}\n`)
  const die = () => process.kill(pid, "SIGKILL")
  const isDue = (effect: Plan.Effect, phase: Plan.Phase, occurrence: number) =>
    mine?.effect === effect && mine.phase === phase && mine.occurrence === occurrence

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
          const marker = `killed-${pid}-${kill.occurrence}`
          const { lost } = yield* proxy.loseReply(marker)
          yield* Effect.forkDetach(Effect.andThen(lost, Effect.sync(die)), { startImmediately: true })
          return marker
        }
        case "Request":
          yield* askAndWait({ _tag: "KillMe", effect, done: kill.done })
          return undefined
        case "Git": {
          const how = kill.children ? "children" : "alone"
          writeFileSync(join(run.programs, "armed"), `${how} ${pid} ${during.words}`)
          return undefined
        }
      }
    })

  return {
    claimed: (executions) => {
      const kill = statSync(run.deaths).size
      mine = run.kills[kill]
      counts.clear()
      // Only who needs it gets the slower git.
      const needed = run.limited || (mine?.phase === "during" && gitOnes.includes(mine.effect))
      process.env["PATH"] = needed ? `${run.programs}${delimiter}${path}` : path
      note({ _tag: "Claimed", at: Date.now(), pid, executions, kill })
    },
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

        // What it stands still before has begun: its own look at the lease is behind it.
        did("before")
        const { disturbedAt } = run
        if (!isDisturbed && disturbedAt === effect && (effect !== "clean-up" || step === null)) {
          isDisturbed = true
          yield* askAndWait({ _tag: "Disturb" })
        }
        if (isDue(effect, "before", occurrence)) die()
        const marker =
          mine !== undefined && isDue(effect, "during", occurrence)
            ? yield* arm(effect, during, mine)
            : undefined
        const exit = yield* Effect.exit(act(marker))
        const failure = Exit.findErrorOption(exit)
        did("after", Exit.isSuccess(exit) ? null : String(Option.getOrElse(failure, () => "interrupted")))
        if (isDue(effect, "after", occurrence)) die()
        return yield* exit
      })
  }
}
