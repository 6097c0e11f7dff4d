import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Effect, Layer, Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { CurrentClaim } from "../../services/Claim.ts"
import { Resources, ResourcesContract } from "../../services/Resources.ts"
import { CurrentPendingFacts, StepJournal, StepJournalContract } from "../../services/StepJournal.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"
import * as Together from "./Together.ts"

const commitFacts = storeFunction(
  "commit_facts",
  Schema.Struct({ ...StepJournalContract.commit.input.fields, key: Schema.String }),
  Schema.Null
)
const Intent = Schema.Struct({
  ...ResourcesContract.intend.input.fields,
  host: Schema.String,
  /** Whose intent it is: refused where that claim is no longer current. */
  claim: Schema.NullOr(Schema.Struct({ execution: Schema.String, runner: Schema.String, fence: Schema.Int }))
})
const intend = storeFunction("intend_resources", Intent, Schema.Boolean)
const intendTogether = storeFunction(
  "intend_resources_together",
  Schema.Array(Intent),
  Schema.Array(Schema.Boolean)
)
const list = storeFunction("list_resources", ResourcesContract.list.input, ResourcesContract.list.output)

/** Facts that no engine collects are committed at once, under a key that makes a repeated call harmless. */
export const layerJournal = Layer.effect(
  StepJournal,
  Effect.gen(function* () {
    const context = yield* Effect.context<StoreCall>()
    const commit = Effect.fn("StepJournal.commit")(function* (
      input: (typeof StepJournalContract)["commit"]["input"]["Type"]
    ) {
      if (input.facts.length === 0) return
      yield* commitFacts({ ...input, key: randomUUID() })
    }, Effect.provide(context))
    return StepJournal.of({
      commit,
      append: Effect.fn("StepJournal.append")(function* (input) {
        const pending = yield* CurrentPendingFacts
        if (pending === undefined) return yield* commit(input)
        pending.add(input.facts)
      })
    })
  })
)

/** Intents of the host this process runs on. */
export const layerResources = Layer.effect(
  Resources,
  Effect.gen(function* () {
    const context = yield* Effect.context<StoreCall>()
    const intended = yield* Together.make({
      most: Limits.commitsTogether,
      callsMax: Limits.commitsAtOnce,
      alone: intend,
      together: intendTogether,
      isOneCallers: ({ _tag }) => _tag === "StoreConflict"
    })
    return Resources.of({
      intend: Effect.fn("Resources.intend")(function* (input) {
        const { giveUp, proof } = yield* CurrentClaim
        const stored = yield* intended({ ...input, host: hostname(), claim: proof })
        if (!stored) yield* giveUp
      }),
      list: Effect.fn("Resources.list")((input) => list(input), Effect.provide(context))
    })
  })
)
