import { Option, Result, Schema } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { UnknownPrice } from "../../domain/errors/Reasons.ts"
import { NoEligibleModel } from "../../domain/errors/RoutingError.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import * as PriceTable from "../../domain/policies/PriceTable.ts"
import { Project, RepositoryName } from "../../domain/Project.ts"
import { ModelChoice, Provider, Route } from "../../domain/Route.ts"
import { WorkOrder } from "../../domain/WorkOrder.ts"

/** What a manager is asked. The repository's address is left out: it may hold a password. */
export const Question = Schema.Struct({
  order: WorkOrder,
  project: Schema.Struct({
    id: Project.fields.id,
    repository: RepositoryName,
    baseBranch: Project.fields.baseBranch,
    limits: Project.fields.limits,
    mode: Project.fields.mode
  }),
  /** The models that may be asked, with their prices in micro-dollars. */
  candidates: Schema.Array(ModelChoice)
})

/** What there is to ask about an order. */
export const questionOf = (
  order: WorkOrder,
  { id, repository, baseBranch, limits, mode }: Project,
  candidates: ReadonlyArray<ModelChoice>
): typeof Question.Type => ({
  order,
  project: { id, repository: repository.forge, baseBranch, limits, mode },
  candidates
})

/** Which models to ask, best first, and why. The provider may be one that Moose does not know. */
export const Answer = Schema.Struct({
  models: Schema.Array(Schema.Struct({ provider: Schema.String, model: Schema.String })),
  reason: Schema.String
})
export type Answer = typeof Answer.Type

export const readAnswer = Schema.decodeUnknownResult(Schema.fromJsonString(Answer))

/** Why an order is sent back: the body of a 4xx. */
export const readRejection = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ reason: Schema.NonEmptyString }))
)

/** A manager's words, fit for a timeline: without secrets, and not too many. */
export const clean = (words: string): string =>
  Evidence.make({ operation: "read the manager's words", excerpt: words }).excerpt

const isProvider = Schema.is(Provider)

/** The route that an answer stands for: at most `Limits.routedModelsMax` models, all with a price and a key. */
export const routeOf = (
  order: WorkOrder,
  answer: Answer,
  candidates: ReadonlyArray<ModelChoice>,
  prices: PriceTable.PriceTable
): Result.Result<Route, UnknownPrice | NoEligibleModel> => {
  const reason = clean(answer.reason)
  // Its change is made already, so nobody is asked.
  if (order.proposal !== undefined) return Result.succeed(new Route({ models: [], reason }))
  const refused = (why: string) => Result.fail(new NoEligibleModel({ kind: order.kind, why }))
  if (answer.models.length === 0) return refused(`the manager names none: ${reason}`)
  const chosen = new Set<ModelChoice>()
  for (const named of answer.models.slice(0, Limits.routedModelsMax)) {
    const { provider, model } = named
    if (!isProvider(provider)) return Result.fail(new UnknownPrice({ model: clean(`${provider}/${model}`) }))
    const priced = PriceTable.find(prices, provider, model)
    if (Option.isNone(priced)) {
      const line = PriceTable.lineFor(provider, clean(model))
      return Result.fail(new UnknownPrice({ model: clean(`${provider}/${model}`), line }))
    }
    if (!candidates.includes(priced.value)) {
      return refused(`the manager asks for ${model}, and no key is set for its provider`)
    }
    chosen.add(priced.value)
  }
  return Result.succeed(new Route({ models: [...chosen], reason }))
}
