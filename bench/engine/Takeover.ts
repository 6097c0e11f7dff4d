import { type ChildProcess, fork } from "node:child_process"
import { PgClient } from "@effect/sql-pg"
import { Console, Duration, Effect, Redacted, Schedule } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { quantile, verdict } from "./Figures.ts"
import * as Servers from "./Servers.ts"

const program = new URL("Killed.ts", import.meta.url)
const leaseMs = Duration.toMillis(Limits.runnerLease)

const start = (url: string, slots: number) =>
  Effect.acquireRelease(
    Effect.sync(() => fork(program, [url, String(slots)], { stdio: ["ignore", "ignore", "inherit", "ipc"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const killed = (child: ChildProcess) =>
  Effect.callback<number>((resume) => {
    child.once("exit", () => resume(Effect.sync(() => performance.now())))
    child.kill("SIGKILL")
  })

/**
 * Workers that hold executions in the middle of their second step are killed, one after the other; how long until the
 * one that stays has begun that step again? Answers whether a target was missed.
 */
export const run = Effect.fnUntraced(function* (options: {
  readonly victims: number
  readonly executions: number
}) {
  const url = yield* Servers.database("takeover", true)
  const { all, ran } = yield* Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const began = new Map<string, number>()
    const ran = new Map<string, number>()
    const victims: Array<ChildProcess> = []
    for (let victim = 0; victim < options.victims; victim++) {
      const child = yield* start(url, options.executions)
      victims.push(child)
      yield* sql`insert into moose.executions (id, workflow, payload)
        select ${`v${victim}-`}::text || n, 'Killed', jsonb_build_object('id', ${`v${victim}-`}::text || n)
        from generate_series(1, ${options.executions}::integer) n`
      yield* sql`select pg_notify('moose_work', '')`
      yield* Effect.repeat(sql`select 1 from moose.activity_results where execution like ${`v${victim}-%`}`, {
        schedule: Schedule.spaced("50 millis"),
        until: (rows) => rows.length === options.executions
      })
    }
    const heir = yield* start(url, options.victims * options.executions)
    heir.on("message", (message) => {
      const [step = "", id = ""] = String(message).split(" ")
      ran.set(`${step} ${id}`, (ran.get(`${step} ${id}`) ?? 0) + 1)
      if (step === "second") began.set(id, performance.now())
    })
    // It is there before anybody dies.
    yield* Effect.repeat(sql`select 1 from moose.runners`, {
      schedule: Schedule.spaced("50 millis"),
      until: (rows) => rows.length > options.victims
    })
    const deaths: Array<number> = []
    for (const [index, victim] of victims.entries()) {
      deaths.push(yield* killed(victim))
      // At any moment between two renewals and two ticks.
      yield* Effect.sleep(Duration.millis(137 * (1 + (index % 7))))
    }
    const wanted = options.victims * options.executions
    yield* Effect.repeat(
      Effect.sync(() => began.size),
      { schedule: Schedule.spaced("50 millis"), until: (size) => size >= wanted }
    )
    const all = [...began].map(([id, at]) => at - (deaths[Number(/^v(\d+)-/.exec(id)?.[1] ?? 0)] ?? 0))
    return { all, ran }
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url) })), Effect.scoped)
  const p99 = quantile(all, 0.99)
  const again = [...ran].filter(([key, count]) => key.startsWith("first ") || count > 1).length
  yield* Console.log(
    `${options.victims} workers killed, ${all.length} executions taken over: median ${quantile(all, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${Math.max(...all).toFixed(0)} ms; the lease is ${leaseMs} ms`
  )
  const soon = p99 < leaseMs + 1_000
  yield* Console.log(verdict(soon, `p99 under the lease and a second`))
  yield* Console.log(verdict(again === 0, `no finished step ran again: ${again} did`))
  return !(soon && again === 0)
})
