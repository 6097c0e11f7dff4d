import { Context, Schema } from "effect"
import { storeReasons } from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { Resource, ResourceName } from "../domain/Resource.ts"
import type { Service } from "./Contract.ts"

export const ResourcesContract = {
  /** Commits, before anything is done, that these things may exist from now on. Idempotent. */
  intend: {
    input: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      resources: Schema.NonEmptyArray(ResourceName)
    }),
    output: Schema.Void,
    failure: Schema.Union(storeReasons)
  },
  /** All an order ever held, released things included, oldest first. */
  list: {
    input: Schema.Struct({ workOrderId: WorkOrderId }),
    output: Schema.Array(Resource),
    failure: Schema.Union(storeReasons)
  }
} as const

/** What orders hold outside the database. Later states are facts, written through StepJournal. */
export class Resources extends Context.Service<Resources, Service<typeof ResourcesContract>>()(
  "moose/services/Resources"
) {}
