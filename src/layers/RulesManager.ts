import { Array, Effect, Layer, Option, Order, Result } from "effect"
import { NoEligibleModel } from "../domain/errors/RoutingError.ts"
import { UnknownPrice } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import * as PriceTable from "../domain/policies/PriceTable.ts"
import * as Prices from "../domain/policies/Prices.ts"
import type { Project } from "../domain/Project.ts"
import { type ModelChoice, type PastOutcome, Provider, Route } from "../domain/Route.ts"
import { type Usd, format } from "../domain/Usd.ts"
import type { Kind, WorkOrder } from "../domain/WorkOrder.ts"
import { Manager } from "../services/Manager.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import { keyVariables } from "./models/Providers.ts"

export interface Options {
  /** Whose models may be asked. */
  readonly providers: ReadonlyArray<Provider>
  readonly prices: PriceTable.PriceTable
  /** MOOSE_MODEL: asked first, whatever the rules say. */
  readonly model?: string
}

/** What a decision depends on, and nothing else. */
export interface Question extends Options {
  readonly order: WorkOrder
  readonly project: Project
  readonly past: ReadonlyArray<PastOutcome>
}

/** What suits a kind of work: the cheapest model that is there, if only few files are concerned, or the strongest. */
const suits: Record<Kind, "cheap when small" | "strong"> = {
  docs: "cheap when small",
  chore: "cheap when small",
  test: "cheap when small",
  bug: "strong",
  feature: "strong",
  refactor: "strong",
  auth: "strong"
}

/** A scope is small when it names at most so many files, and no folder. */
const smallScopeFilesMax = 3

/** So many tries say something about a model, and a smaller share of successes than this says nothing good. */
const telling = { triesMin: 5, successShareMin: 0.5 }

const isSmall = ({ filesInScope }: WorkOrder): boolean =>
  filesInScope.length > 0 &&
  filesInScope.length <= smallScopeFilesMax &&
  filesInScope.every((path) => !path.endsWith("/"))

const hasFailedOften = (past: ReadonlyArray<PastOutcome>, model: string): boolean => {
  const own = past.filter((outcome) => outcome.model === model)
  const succeeded = own.reduce((sum, outcome) => sum + outcome.succeeded, 0)
  const tries = own.reduce((sum, outcome) => sum + outcome.failed, succeeded)
  return tries >= telling.triesMin && succeeded < tries * telling.successShareMin
}

const worstCase = (choice: ModelChoice): Usd =>
  Prices.costOf(choice, Prices.dearestUsage(choice, Limits.routedPromptTokens))

/** The price is the one measure of strength that the table has; names only break ties. */
const byPrice: Order.Order<ModelChoice> = Order.combineAll([
  Order.mapInput(Order.Number, (choice: ModelChoice) => choice.outputPerMillion),
  Order.mapInput(Order.Number, (choice: ModelChoice) => choice.inputPerMillion),
  Order.mapInput(Order.String, (choice: ModelChoice) => choice.model)
])

/** False comes first. */
const last = (applies: (choice: ModelChoice) => boolean): Order.Order<ModelChoice> =>
  Order.mapInput(Order.Boolean, applies)

const allProviders: ReadonlyArray<Provider> = Provider.literals

/** The model that MOOSE_MODEL asks for, if it is set. It must have a price, and a provider that is connected. */
const preferredOf = ({
  model,
  providers,
  prices,
  order
}: Question): Result.Result<ReadonlyArray<ModelChoice>, NoEligibleModel | UnknownPrice> => {
  if (model === undefined) return Result.succeed([])
  const of = (names: ReadonlyArray<Provider>) =>
    names.flatMap((provider) => Option.toArray(PriceTable.find(prices, provider, model)))
  const connected = of(providers)
  if (connected.length > 0) return Result.succeed(connected)
  const [elsewhere] = of(allProviders)
  if (elsewhere === undefined) {
    const provider = providers.find((name) => name !== "offline") ?? "openai"
    return Result.fail(new UnknownPrice({ model, line: PriceTable.lineFor(provider, model) }))
  }
  // The table knows the model, so its price is not what is missing.
  const fix = elsewhere.provider === "offline" ? "" : `; set ${keyVariables[elsewhere.provider]}`
  return Result.fail(
    new NoEligibleModel({
      kind: order.kind,
      why: `MOOSE_MODEL asks for ${model}, and its provider, ${elsewhere.provider}, is not connected${fix}`
    })
  )
}

const noneLeft = (question: Question, candidates: ReadonlyArray<ModelChoice>, limit: Usd) => {
  const cheapest = Array.head(Array.sort(candidates, Order.mapInput(Order.Number, worstCase)))
  const why = Option.match(cheapest, {
    onNone: () => `no provider of models is connected; set ${Object.values(keyVariables).join(" or ")}`,
    onSome: (choice) =>
      `one call of ${choice.model}, the cheapest, may cost $${format(worstCase(choice))}, ` +
      `and the order may spend $${format(limit)}`
  })
  return new NoEligibleModel({ kind: question.order.kind, why })
}

/**
 * The best of them; the last of these is of another provider than the others where there is one, so that no outage
 * of a single provider stops an order.
 */
const withAnotherProvider = (ranked: ReadonlyArray<ModelChoice>): ReadonlyArray<ModelChoice> => {
  const best = ranked.slice(0, Limits.routedModelsMax)
  const [first] = best
  const other = ranked.find(({ provider }) => provider !== first?.provider && provider !== "offline")
  return other === undefined || best.includes(other) ? best : [...best.slice(0, -1), other]
}

/**
 * Which models to ask for an order, best first, and why: the same answer for the same question, whatever the
 * order of `past`.
 */
export const decide = (question: Question): Result.Result<Route, NoEligibleModel | UnknownPrice> => {
  const { order, project, past } = question
  if (order.proposal !== undefined)
    return Result.succeed(new Route({ models: [], reason: "the work order brings its own proposal" }))
  return Result.flatMap(preferredOf(question), (preferred) => {
    const limit = order.limits.maxUsd ?? project.limits.workOrderUsd
    const automatic = question.providers.flatMap((name) => PriceTable.automatic(question.prices, name))
    const candidates = Array.dedupe([...preferred, ...automatic])
    const affordable = candidates.filter((choice) => worstCase(choice) <= limit)
    if (affordable.length === 0) return Result.fail(noneLeft(question, candidates, limit))

    const cheapFirst = suits[order.kind] === "cheap when small" && isSmall(order)
    const failing = (choice: ModelChoice) => hasFailedOften(past, choice.model)
    const ranked = Array.sort(
      affordable,
      Order.combineAll([
        last((choice) => choice.model !== question.model),
        // It only knows the demo's orders, so it is a last resort beside a real one.
        last((choice) => choice.provider === "offline"),
        last(failing),
        cheapFirst ? byPrice : Order.flip(byPrice)
      ])
    )
    const models = withAnotherProvider(ranked)
    const tooDear = candidates.filter((choice) => !affordable.includes(choice))
    const reason = reasonOf(question, { models, tooDear, cheapFirst, failing })
    return Result.succeed(new Route({ models, reason }))
  })
}

interface Ranking {
  readonly models: ReadonlyArray<ModelChoice>
  readonly tooDear: ReadonlyArray<ModelChoice>
  readonly cheapFirst: boolean
  readonly failing: (choice: ModelChoice) => boolean
}

const names = (models: ReadonlyArray<ModelChoice>, between: string): string =>
  models.map((choice) => choice.model).join(between)

const reasonOf = ({ order, model: preferred }: Question, ranking: Ranking): string => {
  const { models, tooDear, cheapFirst, failing } = ranking
  const rule = cheapFirst
    ? `cheap models first for a small ${order.kind} order`
    : `strong models first for ${order.kind} orders`
  const asked = models.some((choice) => choice.model === preferred)
  const doubted = models.filter((choice) => failing(choice) && choice.model !== preferred)
  const why = [
    ...(asked ? [`MOOSE_MODEL asks for ${preferred}`] : []),
    ...(asked && models.length === 1 ? [] : [rule]),
    ...(doubted.length > 0 ? [`${names(doubted, " and ")} last, as most such orders failed with it`] : []),
    ...(tooDear.length > 0
      ? [`one call of ${names(tooDear, " or ")} may cost more than the order may spend`]
      : [])
  ]
  return `${names(models, ", then ")}: ${why.join("; ")}`
}

/** A manager that decides by the rules above, from what the store remembers of earlier orders. */
export const layer = (options: Options): Layer.Layer<Manager, never, WorkOrders> =>
  Layer.effect(
    Manager,
    Effect.gen(function* () {
      const workOrders = yield* WorkOrders
      const route = Effect.fn("Manager.route")(function* (input: {
        readonly order: WorkOrder
        readonly project: Project
      }) {
        const { order, project } = input
        const past =
          order.proposal === undefined
            ? yield* workOrders.pastOutcomes({ project: project.id, kind: order.kind })
            : []
        return yield* Effect.fromResult(decide({ ...options, order, project, past }))
      })
      return Manager.of({ route })
    })
  )
