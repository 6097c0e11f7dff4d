import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { EscalationId, OptionName } from "../../domain/Escalation.ts"
import { WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { UsdFromDecimal } from "../../domain/Usd.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { Escalations } from "../../services/Escalations.ts"
import { escalationJson, escalationLine, escalationText } from "../EscalationWords.ts"
import { by, refusedWith, who } from "../Decisions.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"
import { UserError } from "../UserError.ts"

const stored = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))

const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
const id = Argument.Int("id").pipe(Argument.withDescription("An escalation: moose escalations list"))

/** Somebody else was quicker, and chose otherwise. */
const decided = (id: EscalationId) => refusedWith(`See what became of it: moose escalations show ${id}`)

const idOf = Input.decode(EscalationId, "id")
const list = Command.make(
  "list",
  {
    all: Flag.Boolean("all").pipe(Flag.withDescription("Resolved ones, too"), Flag.withDefault(false)),
    order: Flag.String("order").pipe(Flag.withDescription("Only those of one work order"), Flag.optional),
    json
  },
  Effect.fnUntraced(function* ({ all, order, json: asJson }) {
    const workOrderId = yield* Effect.transposeOption(Option.map(order, Input.decode(WorkOrderId, "--order")))
    yield* stored(
      Effect.gen(function* () {
        const escalations = yield* Escalations
        const found = yield* escalations.list({
          ...(all ? {} : { status: "open" as const }),
          ...Input.given("workOrderId", workOrderId),
          limit: Limits.escalationsListMax
        })
        if (asJson) return yield* printJson(found.map(escalationJson))
        if (found.length === 0) {
          return yield* Console.log(all ? "There are no escalations." : "Nobody has to decide anything.")
        }
        yield* Effect.forEach(found, (one) => Console.log(escalationLine(one)), { discard: true })
      })
    )
  })
).pipe(Command.withDescription("Show what somebody has to know or decide"))

const show = Command.make(
  "show",
  { id, json },
  Effect.fnUntraced(function* ({ id: given, json: asJson }) {
    const wanted = yield* idOf(given)
    yield* stored(
      Effect.gen(function* () {
        const escalations = yield* Escalations
        const found = yield* escalations.get({ id: wanted })
        yield* asJson ? printJson(escalationJson(found)) : Console.log(escalationText(found))
      })
    )
  })
).pipe(Command.withDescription("Show one, with what can be done about it"))

const take = Command.make(
  "take",
  { id, by },
  Effect.fnUntraced(function* ({ id: given, by: name }) {
    const wanted = yield* idOf(given)
    const taker = yield* who(name)
    yield* stored(
      Effect.gen(function* () {
        const escalations = yield* Escalations
        yield* escalations.acknowledge({ id: wanted, by: taker }).pipe(Effect.mapError(decided(wanted)))
        yield* Console.log(`${taker} takes escalation ${wanted}: there are no more reminders.`)
      })
    )
  })
).pipe(Command.withDescription("Say that you look after it: no more reminders"))

const resolve = Command.make(
  "resolve",
  {
    id,
    by,
    option: Flag.Literals("option", OptionName.literals).pipe(
      Flag.withDescription("What to do; the recommended option when left out"),
      Flag.optional
    ),
    usd: Flag.String("usd").pipe(
      Flag.withDescription("With raise_budget: by how much, in dollars"),
      Flag.optional
    ),
    note: Flag.String("note").pipe(Flag.withDescription("Why"), Flag.optional),
    json
  },
  Effect.fnUntraced(function* ({ id: given, by: name, option, usd, note, json: asJson }) {
    const wanted = yield* idOf(given)
    const decider = yield* who(name)
    const amount = yield* Effect.transposeOption(Option.map(usd, Input.decode(UsdFromDecimal, "--usd")))
    yield* stored(
      Effect.gen(function* () {
        const escalations = yield* Escalations
        const found = yield* escalations.get({ id: wanted })
        const chosen = Option.getOrUndefined(option) ?? found.options.find((it) => it.recommended)?.option
        if (chosen === undefined || !found.options.some((it) => it.option === chosen)) {
          return yield* new UserError({
            problem: `Escalation ${wanted} has no option ${chosen ?? ""}`,
            fix: `It has: ${found.options.map((it) => it.option).join(", ")}`
          })
        }
        const resolved = yield* escalations
          .resolve({
            id: wanted,
            option: chosen,
            by: decider,
            ...Input.given("amount", amount),
            ...Input.given("note", note)
          })
          .pipe(Effect.mapError(decided(wanted)))
        yield* asJson ? printJson(escalationJson(resolved)) : Console.log(escalationText(resolved))
      })
    )
  })
).pipe(Command.withDescription("Choose an option: orders go on, or begin another run"))

/** `moose escalations`: what somebody has to know or decide. */
export const escalations = Command.make("escalations").pipe(
  Command.withDescription("What somebody has to know or decide"),
  Command.withSubcommands([list, show, take, resolve])
)
