import { Effect, Option, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { type AnyReason, Failure, type Meaning } from "../domain/errors/Failure.ts"
import { ModelsExhausted } from "../domain/errors/GenerationError.ts"
import { ResultRefused, UnexpectedDefect } from "../domain/errors/Reasons.ts"
import type { StepName } from "../domain/Status.ts"
import { componentOf } from "../domain/policies/Component.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import type { At } from "./StepContext.ts"

/** A defect as a reason, so that a bug is recorded like anything else that goes wrong. Refused results are no bugs. */
export const fromDefect = (operation: string, defect: unknown): UnexpectedDefect | ResultRefused => {
  if (defect instanceof Error && defect.name === ResultRefused.identifier) {
    return new ResultRefused({
      evidence: Evidence.make({ operation: "storing a result", excerpt: defect.message, cause: defect })
    })
  }
  return new UnexpectedDefect({
    evidence: Evidence.make({
      operation,
      excerpt: defect instanceof Error ? `${defect.name}: ${defect.message}` : String(defect),
      cause: defect
    })
  })
}

const isModelsExhausted = Schema.is(ModelsExhausted)

/** The failures that a reason stands for, when it stands for several. */
const causesOf = (reason: AnyReason) =>
  isModelsExhausted(reason) ? reason.failures.map(({ _tag, message }) => ({ tag: _tag, message })) : []

/** What the order holds right now, as far as the store can tell. */
const stateOf = Effect.fnUntraced(function* (at: At) {
  const orders = yield* WorkOrders
  return yield* orders.state({ id: at.workOrderId }).pipe(
    // A failure is worth recording without it: the store may be what failed.
    Effect.catch((error) => Effect.succeed({ unknown: error.message }))
  )
})

const stackCharactersMax = 4_000
const readStack = Schema.decodeUnknownOption(Schema.Struct({ stack: Schema.String }))

/** The stack of the error that a layer met; none where it met no error but an answer. */
const stackOf = ({ evidence }: AnyReason) =>
  Option.match(readStack(evidence?.cause), {
    onNone: () => ({}),
    onSome: ({ stack }) => ({ stack: Evidence.redact(stack).slice(0, stackCharactersMax) })
  })

const traceIdOf = Effect.map(Effect.option(Effect.currentSpan), (span) =>
  Option.match(span, { onNone: () => ({}), onSome: ({ traceId }) => ({ traceId }) })
)

/** Everything there is to say about a failure. `attempt` is that of the step's body. */
export const describe = Effect.fnUntraced(function* (
  { at, step, attempt }: { readonly at: At; readonly step: StepName; readonly attempt: number },
  reason: AnyReason,
  meaning: Meaning
) {
  const { evidence } = reason
  return new Failure({
    step,
    component: componentOf(reason),
    operation: evidence?.operation ?? step,
    workOrderId: at.workOrderId,
    run: at.run,
    attempt,
    tag: reason._tag,
    message: reason.message,
    ...meaning,
    retryAfterMs: evidence?.retryAfterMs ?? null,
    excerpt: evidence?.excerpt ?? "",
    causes: causesOf(reason),
    ...stackOf(reason),
    ...(yield* traceIdOf),
    state: yield* stateOf(at)
  })
})
