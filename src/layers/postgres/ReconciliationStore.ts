import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Duration, Effect, Layer, Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { Reconciliation, ReconciliationContract as Contract } from "../../services/Reconciliation.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const begin = storeFunction("reconcile_begin", Contract.begin.input, Contract.begin.output)
const view = storeFunction(
  "reconcile_view",
  Schema.Struct({ ...Contract.view.input.fields, leaseMs: Schema.Int }),
  Contract.view.output
)
const hold = storeFunction(
  "hold_for_repair",
  Schema.Struct({ ...Contract.hold.input.fields, holder: Schema.String, holdMs: Schema.Int }),
  Schema.Boolean
)
const record = storeFunction(
  "record_repair",
  Schema.Struct({ ...Contract.record.input.fields, host: Schema.String, key: Schema.String }),
  Schema.Null
)
const end = storeFunction("end_repair", Contract.end.input, Schema.Null)

const leaseMs = Duration.toMillis(Limits.reservationLease)
const holdMs = Duration.toMillis(Limits.repairHold)

/** What the reconciler reads and writes of the store, for the host this process runs on. */
export const layer = Layer.effect(
  Reconciliation,
  Effect.gen(function* () {
    const provide = Effect.provide(yield* Effect.context<StoreCall>())
    return Reconciliation.of({
      begin: Effect.fn("Reconciliation.begin")(begin, provide),
      view: Effect.fn("Reconciliation.view")((input) => view({ ...input, leaseMs }), provide),
      hold: Effect.fn("Reconciliation.hold")((input) => {
        const holder = randomUUID()
        return Effect.map(hold({ ...input, holder, holdMs }), (is) => (is ? holder : null))
      }, provide),
      record: Effect.fn("Reconciliation.record")(
        (input) => Effect.asVoid(record({ ...input, host: hostname(), key: randomUUID() })),
        provide
      ),
      end: Effect.fn("Reconciliation.end")((input) => Effect.asVoid(end(input)), provide)
    })
  })
)
