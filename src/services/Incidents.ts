import { Context, Schema } from "effect"
import { storeReasons } from "../domain/errors/Reasons.ts"
import { WorkOrderId } from "../domain/Ids.ts"
import type { Service } from "./Contract.ts"

/** A dependency has an open incident, and this order may not try it now. */
export class DependencyDown extends Schema.TaggedError<DependencyDown>()("DependencyDown", {
  dependency: Schema.String,
  /** The reason that opened the incident. */
  tag: Schema.String,
  cause: Schema.String,
  resumeAt: Schema.DateTimeUtcFromString
}) {
  override get message() {
    return `${this.dependency} is down (${this.cause})`
  }
}

export const IncidentsContract = {
  /**
   * May an order use these dependencies now? Answers those with an open incident that it is the one to probe,
   * or fails with the first that is down.
   */
  admit: {
    input: Schema.Struct({ workOrderId: WorkOrderId, dependencies: Schema.Array(Schema.String) }),
    output: Schema.Struct({ probing: Schema.Array(Schema.String) }),
    failure: Schema.Union([...storeReasons, DependencyDown])
  }
} as const

/** Trouble with a dependency, as all processes know it. It is opened and closed by the facts Parked and DependencyWorks. */
export class Incidents extends Context.Service<Incidents, Service<typeof IncidentsContract>>()(
  "moose/services/Incidents"
) {}
