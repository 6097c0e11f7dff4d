import { PgClient } from "@effect/sql-pg"
import { Config, Duration, Effect, Layer, References, Result, Schedule, Schema } from "effect"
import { Run } from "../../src/domain/Ids.ts"
import type { BudgetExceeded, LedgerConflict, LedgerUnavailable } from "../../src/domain/errors/Reasons.ts"
import { Usd } from "../../src/domain/Usd.ts"
import type { Reservation } from "../../src/domain/Spending.ts"
import * as BudgetStore from "../../src/layers/postgres/BudgetStore.ts"
import * as StoreCall from "../../src/layers/postgres/StoreCall.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Bill, Call, Outcome, RaceStart, RaceTurn, Ticket, chance, type deaths } from "./Messages.ts"

/*
 * One process of a chaos run: takes tickets until there are none, or races another process. It ends by itself
 * when its parent does not answer.
 */

const parent = process.argv[2] ?? ""
const mode = process.argv[3] ?? ""

const fibers = 8
const lease = Duration.seconds(4)
const usage = { inputTokens: 1, outputTokens: 1 }

class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { cause: Schema.Defect() }) {}

/** Asks the parent; undefined when there is nothing more to do. */
const ask = <I extends Schema.Codec<unknown, unknown>, O extends Schema.Codec<unknown, unknown>>(
  path: string,
  input: I,
  output: O
) => {
  const write = Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(input)))
  const read = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.toCodecJson(output)))
  return (body: I["Type"]) =>
    Effect.tryPromise({
      try: async (signal): Promise<O["Type"] | undefined> => {
        const response = await fetch(`${parent}${path}`, { method: "POST", body: write(body), signal })
        return response.status === 204 ? undefined : read(await response.text())
      },
      catch: (cause) => new NoAnswer({ cause })
    })
}

const nextTicket = ask("/ticket", Outcome, Ticket)
const pay = ask("/call", Call, Bill)
const ready = ask("/ready", RaceTurn, RaceStart)
const raced = ask("/raced", RaceTurn, RaceStart)

const die = (at: (typeof deaths)[number]) => (ticket: Ticket) =>
  Effect.sync(() => {
    if (ticket.fate === at) process.kill(process.pid, "SIGKILL")
  })

/** While something is under way, at any moment of its first few milliseconds. */
const dieDuring = (at: (typeof deaths)[number]) => (ticket: Ticket) =>
  ticket.fate === at
    ? Effect.delay(die(at)(ticket), Duration.millis(5 * chance("death", ticket.number)))
    : Effect.void

/** Closing is tried for longer than the server is ever down. */
const patiently = <A, R>(close: Effect.Effect<A, LedgerUnavailable | LedgerConflict, R>) =>
  Effect.retry(close, {
    schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 50 })),
    while: ({ _tag }) => _tag === "LedgerUnavailable"
  })

const spend = Effect.fnUntraced(function* (ticket: Ticket, reservation: Reservation) {
  const budget = yield* Budget
  yield* die("after reserving")(ticket)
  if (ticket.fate === "cancel") return yield* patiently(budget.cancel(reservation))
  const answer = yield* Effect.option(pay({ reservation: reservation.id, worstCase: ticket.amount }))
  yield* die("after the call")(ticket)
  if (answer._tag === "None" || answer.value === undefined) {
    return yield* patiently(budget.presume(reservation))
  }
  if (ticket.fate === "late") yield* patiently(budget.presume(reservation))
  const settling = patiently(
    budget.settle({ reservation, settlement: "bill", amount: answer.value.bill, usage })
  )
  yield* Effect.all([settling, dieDuring("while settling")(ticket)], { concurrency: 2 })
})

const use = Effect.fnUntraced(function* (ticket: Ticket) {
  const budget = yield* Budget
  yield* die("before reserving")(ticket)
  const reserving = budget.reserve({
    workOrderId: ticket.order,
    run: Run.make(1),
    call: `generating/${ticket.number}`,
    category: "generating",
    model: "gpt-5",
    rule: "first",
    amount: ticket.amount
  })
  const [reservation] = yield* Effect.all([reserving, dieDuring("while reserving")(ticket)], {
    concurrency: 2
  })
  yield* spend(ticket, reservation)
})

const work = Effect.gen(function* () {
  let outcome: typeof Outcome.Type = null
  while (true) {
    const ticket: Ticket | undefined = yield* nextTicket(outcome)
    if (ticket === undefined) return
    outcome = yield* Effect.match(use(ticket), {
      onSuccess: () => "done" as const,
      onFailure: (error) =>
        error._tag === "BudgetExceeded" ? ("refused" as const) : ("unavailable" as const)
    })
  }
})

const sweeping = ReservationSweep.sweep().pipe(
  Effect.ignore,
  Effect.repeat(Schedule.spaced("1 second")),
  Effect.delay("1 second")
)

const tenDollars = Usd.make(10_000_000)

/** Reserves at the same moment as the other racer, and gives the money back once both have their answers. */
const racing = Effect.gen(function* () {
  const budget = yield* Budget
  const racer = Number(mode)
  for (let number = 1; ; number++) {
    const go: typeof RaceStart.Type | undefined = yield* ready({ racer, answer: null })
    if (go === undefined) return
    const reserved: Result.Result<Reservation, BudgetExceeded | LedgerUnavailable | LedgerConflict> =
      yield* Effect.result(
        budget.reserve({
          workOrderId: go.order,
          run: Run.make(1),
          call: `generating/${racer}/${number}`,
          category: "generating",
          model: "gpt-5",
          rule: "first",
          amount: tenDollars
        })
      )
    if (Result.isSuccess(reserved)) {
      yield* raced({ racer, answer: { won: true, refusal: null } })
      yield* budget.cancel(reserved.success)
      continue
    }
    const error = reserved.failure
    if (error._tag !== "BudgetExceeded") return yield* error
    const { left, limit, message, reserved: held, settled } = error
    yield* raced({
      racer,
      answer: { won: false, refusal: { left, limit, message, reserved: held, settled } }
    })
  }
})

const main = Effect.gen(function* () {
  if (mode !== "work") return yield* racing
  yield* Effect.forkChild(sweeping)
  yield* Effect.all(
    Array.from({ length: fibers }, () => work),
    { concurrency: "unbounded", discard: true }
  )
})

const client = Layer.unwrap(
  Effect.map(Config.Redacted("CHAOS_DATABASE_URL"), (url) => PgClient.layer({ url, maxConnections: 10 }))
)

await main.pipe(
  Effect.provide(
    BudgetStore.layerWith({ lease }).pipe(Layer.provide(StoreCall.layerPg), Layer.provide(client))
  ),
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.runPromise
)
