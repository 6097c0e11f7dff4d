import { Effect, Schema } from "effect"
import { type AnyReason, Failure, type Meaning } from "../domain/errors/Failure.ts"
import { Reason } from "../domain/errors/PipelineError.ts"
import { meaningOf } from "../domain/policies/Meaning.ts"
import type { PolicyTables, Rules } from "../domain/policies/Policies.ts"
import type { Row } from "../domain/policies/Recovery.ts"
import type { StepName } from "../domain/Status.ts"
import * as Failures from "./Failures.ts"
import type { At } from "./StepContext.ts"
import { AnyStep, type Definition, type Placed, type StepError, surround } from "./Surround.ts"

const isReason = Schema.is(Reason)
const unexpected = ({ message }: AnyReason) => Failures.fromDefect("policies", message)

/** A step in its place in the pipeline. `following` names the added step that comes next under its status. */
export interface Step<In, Out, E, R> {
  (at: At, input: In, following?: string): Effect.Effect<Out, E, R>
  readonly status: StepName
}

/** What the tables say of one of the five steps. */
export const rulesOf = (status: StepName, tables: PolicyTables): Rules => ({
  recoveryOf: (reason) => tables.recoveryOf(status, reason),
  // Nothing else can reach it: what the step ends in is in its error's union.
  meaningOf: (reason) => (tables.meaningOf ?? meaningOf)(isReason(reason) ? reason : unexpected(reason)),
  retry: tables.retry[status]
})

/** Makes one of the five steps: it moves the order from status to status, and goes by the tables. */
export const builtIn = <In, Out extends Schema.Constraint, Err extends StepError, R>(
  definition: Omit<Placed<In, Out, Err, R>, "name" | "status" | "rules"> & {
    readonly name: StepName
    readonly error: Err & { readonly Type: { readonly reason: Reason } }
  }
) => {
  const status = definition.name
  const rules = (tables: PolicyTables) => rulesOf(status, tables)
  return Object.assign(surround<In, Out, Err, R>({ ...definition, status, rules }), { status })
}

/** What a reason means that changes nothing outside: `transient` ones can succeed unchanged, the others cannot. */
export const meaning = (
  category: Meaning["category"],
  blame: Meaning["blame"],
  severity: Meaning["severity"],
  hint: string
): Meaning => ({
  category,
  blame,
  severity,
  retryable: category === "transient",
  sideEffect: "none",
  hint
})

/** What is done about one reason of an added step, and what it means. */
export interface Policy {
  readonly meaning: Meaning
  readonly recovery: Row
}

/** One row per reason: a reason that nobody has thought about does not compile. */
export type PoliciesOf<Why extends AnyReason> = { readonly [Tag in Why["_tag"]]: Policy }

type ReasonSchema = Schema.Constraint & { readonly Type: AnyReason }

const errorOf = <Why extends ReasonSchema>(name: string, reason: Why) =>
  Schema.TaggedStruct("StepError", { step: Schema.Literal(name), reason, failure: Failure })

/**
 * Makes a step of somebody else's, to be put after one of the five with `andThen`. It can end in its own
 * `reasons`, each of which has a row in `policies`, and in what any step can meet. Its waits, retries and limits
 * are those of the step it follows, and so is the status that the order has meanwhile.
 */
export const make = <
  const Name extends string,
  In extends Schema.Constraint,
  Out extends Schema.Constraint,
  Why extends ReasonSchema,
  R
>(
  definition: Definition<In["Type"], Out, Why["Type"] | AnyStep, R> & {
    /** As journal and timeline name it; not one of the five. */
    readonly name: Name extends StepName ? never : Name
    /** What the step before it answers. */
    readonly input: In
    /** A union of tagged reasons. */
    readonly reasons: Why
    readonly policies: PoliciesOf<Why["Type"]>
  }
) => {
  const name: string = definition.name
  const own: Readonly<Partial<Record<string, Policy>>> = definition.policies
  const reason = Schema.Union([definition.reasons, AnyStep])
  const error = errorOf(name, reason)
  const under = (status: StepName) =>
    Object.assign(
      surround<In["Type"], Out, typeof error, R>({
        ...definition,
        name,
        status,
        error,
        fail: (fields) => error.make({ step: name, ...fields }),
        rules: (tables) => {
          const { recoveryOf, meaningOf, retry } = rulesOf(status, tables)
          return {
            recoveryOf: (it) => own[it._tag]?.recovery ?? recoveryOf(it),
            meaningOf: (it) => own[it._tag]?.meaning ?? meaningOf(it),
            retry
          }
        }
      }),
      { status }
    )
  return { name, error, under }
}

/**
 * A step and an added one as one step: the second is given what the first answers, and begins in the commit
 * that ends the first. The order's status moves on when the last of them has ended.
 */
export const andThen = <In, Middle, E, R, Out, E2, R2>(
  first: Step<In, Middle, E, R>,
  second: {
    readonly name: string
    readonly under: (status: StepName) => Step<Middle, Out, E2, R2>
  }
): Step<In, Out, E | E2, R | R2> =>
  Object.assign(
    (at: At, input: In, following?: string) =>
      Effect.flatMap(first(at, input, second.name), (middle) =>
        second.under(first.status)(at, middle, following)
      ),
    { status: first.status }
  )
