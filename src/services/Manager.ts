import { Context, Schema } from "effect"
import { ManagerRejected, ManagerUnreachable, NoEligibleModel } from "../domain/errors/RoutingError.ts"
import { TimedOut, UnknownPrice, storeReasons } from "../domain/errors/Reasons.ts"
import { Project } from "../domain/Project.ts"
import { Route } from "../domain/Route.ts"
import { WorkOrder } from "../domain/WorkOrder.ts"
import type { Service } from "./Contract.ts"

export const ManagerContract = {
  /** Which models to ask for this order, best first. */
  route: {
    input: Schema.Struct({ order: WorkOrder, project: Project }),
    output: Route,
    failure: Schema.Union([
      ...storeReasons,
      TimedOut,
      UnknownPrice,
      NoEligibleModel,
      ManagerUnreachable,
      ManagerRejected
    ])
  }
} as const

/** Decides who works on an order. */
export class Manager extends Context.Service<Manager, Service<typeof ManagerContract>>()(
  "moose/services/Manager"
) {}
