import { Duration, Effect, Layer, Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { DependencyDown, Incidents, IncidentsContract as Contract } from "../../services/Incidents.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const admit = storeFunction(
  "admit",
  Schema.Struct({ ...Contract.admit.input.fields, probeMs: Schema.Int }),
  Schema.Union([
    Schema.Struct({ probing: Schema.Array(Schema.String) }),
    Schema.Struct({
      down: Schema.String,
      tag: Schema.String,
      message: Schema.String,
      resumeAt: Schema.DateTimeUtcFromString
    })
  ])
)

/** Incidents in the store. */
export const layer = Layer.effect(
  Incidents,
  Effect.gen(function* () {
    const provide = Effect.provide(yield* Effect.context<StoreCall>())
    return Incidents.of({
      admit: Effect.fn("Incidents.admit")(function* (input) {
        if (input.dependencies.length === 0) return { probing: [] }
        const answer = yield* admit({ ...input, probeMs: Duration.toMillis(Limits.probe) })
        if ("probing" in answer) return answer
        const { down, tag, message, resumeAt } = answer
        return yield* new DependencyDown({ dependency: down, tag, cause: message, resumeAt })
      }, provide)
    })
  })
)
