import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { WorkOrderId } from "../../domain/Ids.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import { explained } from "../Explained.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"
import { storyText } from "../StoryWords.ts"

/** `moose explain`: what is the matter with an order, and what to do now. */
export const explain = Command.make(
  "explain",
  {
    id: Argument.String("id").pipe(Argument.withDescription("A work order")),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ id, json }) {
    const wanted = yield* Input.decode(WorkOrderId, "id")(id)
    yield* Effect.gen(function* () {
      const orders = yield* WorkOrders
      const told = explained(yield* orders.explain({ id: wanted }))
      yield* json ? printJson(told) : Console.log(storyText(told))
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Say what is the matter with a work order, and what to do now"))
