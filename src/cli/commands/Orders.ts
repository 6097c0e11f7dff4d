import { Console, Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { WorkOrderId } from "../../domain/Ids.ts"
import { stepNames } from "../../domain/Status.ts"
import type { WorkOrderView } from "../../domain/WorkOrder.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import { by, refusedWith, who } from "../Decisions.ts"
import * as Input from "../Input.ts"
import { printJson, toJson } from "../Report.ts"

const id = Argument.String("id").pipe(Argument.withDescription("A work order"))
const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))

const idOf = Input.decode(WorkOrderId, "id")
const refused = (order: WorkOrderId) => refusedWith(`See how it stands: moose explain ${order}`)

const stored = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))

const say = (view: WorkOrderView, asJson: boolean, words: string) =>
  asJson ? printJson(toJson(view)) : Console.log(words)

/** `moose retry`: another run of an order that failed or was cancelled. */
export const retry = Command.make(
  "retry",
  {
    id,
    from: Flag.Literals("from", stepNames).pipe(
      Flag.withDescription("Begin at this step again; where it failed when left out"),
      Flag.optional
    ),
    by,
    json
  },
  Effect.fnUntraced(function* (input) {
    const order = yield* idOf(input.id)
    const person = yield* who(input.by)
    yield* stored(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const view = yield* orders
          .retry({ id: order, by: person, ...Input.given("from", input.from) })
          .pipe(Effect.mapError(refused(order)))
        yield* say(
          view,
          input.json,
          `${order} begins run ${view.run}: a worker takes it up. moose status ${order}`
        )
      })
    )
  })
).pipe(Command.withDescription("Try an order again where it failed, without paying twice for what went well"))

/** `moose cancel`: stops an order and cleans up. */
export const cancel = Command.make(
  "cancel",
  {
    id,
    close: Flag.Boolean("close").pipe(
      Flag.withDescription("Close the pull request if there is one by then; it is kept otherwise"),
      Flag.withDefault(false)
    ),
    reason: Flag.String("reason").pipe(Flag.withDescription("Why"), Flag.withDefault("cancelled by hand"))
  },
  Effect.fnUntraced(function* (input) {
    const order = yield* idOf(input.id)
    const reason = yield* Input.decode(Schema.NonEmptyString, "--reason")(input.reason)
    yield* stored(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const asked = yield* orders.cancel({ id: order, reason, close: input.close })
        yield* Console.log(
          asked
            ? `${order} is being cancelled and cleaned up. moose status ${order}`
            : `There is nothing to cancel: ${order} is over. moose status ${order}`
        )
      })
    )
  })
).pipe(Command.withDescription("Stop an order and clean up what it made"))

/** `moose pause`: no further than the end of the step it is in. */
export const pause = Command.make(
  "pause",
  { id, by, json },
  Effect.fnUntraced(function* (input) {
    const order = yield* idOf(input.id)
    const person = yield* who(input.by)
    yield* stored(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const view = yield* orders.pause({ id: order, by: person }).pipe(Effect.mapError(refused(order)))
        yield* say(
          view,
          input.json,
          `${order} stops before its next step. Let it go on with: moose resume ${order}`
        )
      })
    )
  })
).pipe(Command.withDescription("Hold an order back before its next step"))

/** `moose resume`: lets a paused order go on. */
export const resume = Command.make(
  "resume",
  { id, by, json },
  Effect.fnUntraced(function* (input) {
    const order = yield* idOf(input.id)
    const person = yield* who(input.by)
    yield* stored(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const view = yield* orders.resume({ id: order, by: person })
        yield* say(view, input.json, `${order} goes on.`)
      })
    )
  })
).pipe(Command.withDescription("Let a paused order go on"))
