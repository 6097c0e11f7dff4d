import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { WorkOrderRequest, fromRequest } from "../../domain/WorkOrder.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { Projects } from "../../services/Projects.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import * as Input from "../Input.ts"
import { printJson, toJson } from "../Report.ts"

/** `moose submit`: hands an order to whichever worker is running. */
export const submit = Command.make(
  "submit",
  {
    file: Argument.String("order.json").pipe(
      Argument.withDescription("A work order: project, title, description, …")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON object"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ file, json }) {
    const request = yield* Input.readJsonFile(file, WorkOrderRequest)
    const id = yield* Input.newId
    yield* Effect.gen(function* () {
      const projects = yield* Projects
      const orders = yield* WorkOrders
      const project = yield* projects.get({ id: request.project })
      const { created, view } = yield* orders.submit(fromRequest(request, id, project.baseBranch))
      if (json) return yield* printJson(toJson(view))
      yield* Console.log(
        created
          ? `Work order ${view.order.id} is queued. Watch it with: moose status ${view.order.id}`
          : `Work order ${view.order.id} was submitted before; it is ${view.status}.`
      )
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Queue a work order for a worker"))
