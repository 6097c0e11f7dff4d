import { Duration, Effect, Exit, type Schema } from "effect"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { type StoreConflict, type StoreUnavailable, TimedOut } from "../domain/errors/Reasons.ts"
import type { Fact } from "../domain/Fact.ts"
import type { ResourceKind, ResourceName } from "../domain/Resource.ts"
import { CurrentClaim, whileHeld } from "../services/Claim.ts"
import { Resources } from "../services/Resources.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { bounded } from "./Bounded.ts"
import { goesOn } from "./GoingOn.ts"
import { StepContext, record } from "./StepContext.ts"

const IntendedTypeId = "~moose/steps/Acquire/Intended"

/** A name whose intent is committed: only such a thing may be made. */
export interface Intended<K extends ResourceKind = ResourceKind> {
  readonly [IntendedTypeId]: true
  readonly kind: K
  readonly name: string
}

/**
 * Every acquisition outside the process takes this path: the intent is committed, the effect happens under
 * the intended name, and evidence is read back. A process that dies anywhere in between leaves a row that
 * says where to look.
 */
export const intend = Effect.fnUntraced(function* <const K extends ResourceKind>(kind: K, name: string) {
  const { at } = yield* StepContext
  const resources = yield* Resources
  yield* whileHeld(resources.intend({ ...at, resources: [{ kind, name }] }))
  const intended: Intended<K> = { [IntendedTypeId]: true, kind, name }
  return intended
})

const held = ({ kind, name }: ResourceName, evidence: Schema.Json) =>
  record({ _tag: "ResourceHeld", kind, name, evidence })

/** Makes a thing that outlives the step. `acquire` answers what was read back from it. */
export const kept = <A, E, R>(
  resource: Intended,
  acquire: Effect.Effect<A, E, R>,
  evidence: (value: A) => Schema.Json
): Effect.Effect<A, E | StoreUnavailable | StoreConflict, R | StepContext | StepJournal> =>
  Effect.tap(whileHeld(acquire), (value) => held(resource, evidence(value)))

/**
 * Makes a thing that lives as long as the surrounding scope. `release` is registered first, because a failed
 * or interrupted `acquire` may have left half of it; it must not mind finding nothing, and answers true once
 * the thing is really gone. A thing that could not be removed keeps its row, for the reconciler. A process that has
 * lost its claim removes nothing: what has that name now may be another's.
 */
export const scoped = <A, E, R, E2 extends Reason, R2>(
  resource: Intended,
  options: {
    readonly acquire: Effect.Effect<A, E, R>
    readonly release: Effect.Effect<boolean, E2, R2>
  }
) =>
  Effect.gen(function* () {
    const { at } = yield* StepContext
    const journal = yield* StepJournal
    const { kind, name } = resource
    const released: Fact = { _tag: "ResourceReleased", kind, name, evidence: { gone: true } }
    const late = (limit: Duration.Duration) =>
      new TimedOut({ operation: `remove ${kind}`, limitMs: Duration.toMillis(limit) })
    const { isLost } = yield* CurrentClaim
    const release = (exit: Exit.Exit<unknown, unknown>) =>
      bounded(options.release, late).pipe(
        Effect.flatMap((gone) => {
          if (!gone) return Effect.logError(`${kind} ${name} is still there after its removal`)
          // An interrupted step has no result to be committed with.
          const write = Exit.hasInterrupts(exit) ? journal.commit : journal.append
          return write({ ...at, facts: [released] })
        }),
        Effect.tapError((error) => Effect.logError(`${kind} ${name} could not be released`, error)),
        // What is left is the order's until somebody looks; the step itself goes on.
        Effect.catch((error) => Effect.ignore(goesOn(error, `${kind} ${name} is left to the reconciler`)))
      )
    yield* Effect.addFinalizer((exit) =>
      Effect.flatMap(isLost, (lost) => (lost ? Effect.void : release(exit)))
    )
    return yield* whileHeld(options.acquire)
  })
