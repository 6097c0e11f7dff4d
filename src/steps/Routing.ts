import { Effect } from "effect"
import { forgeOf, remoteOf } from "../domain/Dependency.ts"
import { ProjectPaused, RoutingError } from "../domain/errors/RoutingError.ts"
import * as Prices from "../domain/policies/Prices.ts"
import { Route } from "../domain/Route.ts"
import { Budget } from "../services/Budget.ts"
import { Manager } from "../services/Manager.ts"
import { preflight } from "./Preflight.ts"
import * as Step from "./Step.ts"
import { StepContext, record } from "./StepContext.ts"

/**
 * Makes sure that the later steps could do their work, picks the models to ask, and makes sure that asking the
 * first of them fits the budget.
 */
export const routing = Step.builtIn({
  name: "routing",
  output: Route,
  error: RoutingError,
  fail: (fields) => new RoutingError(fields),
  summary: (route) => route.reason,
  needs: (_nothing: void, { project }) => {
    if (project.mode === "off") return []
    return project.mode === "shadow" ? [remoteOf(project)] : [remoteOf(project), forgeOf(project)]
  },
  run: Effect.fn("routing")(function* () {
    const { at, order, project } = yield* StepContext
    if (project.mode === "off") return yield* new ProjectPaused({ id: project.id })

    yield* preflight()
    const manager = yield* Manager
    const route = yield* manager.route({ order, project })
    const [first] = route.models
    if (first !== undefined) {
      const budget = yield* Budget
      yield* budget.check({
        workOrderId: at.workOrderId,
        amount: Prices.worstCase(first, order.title + order.description)
      })
    }
    yield* record({
      _tag: "Decided",
      step: "routing",
      choice: route.models.map(({ model }) => model).join(", ") || "no model",
      reason: route.reason,
      data: { models: route.models.map(({ provider, model }) => `${provider}/${model}`) }
    })
    return route
  })
})
