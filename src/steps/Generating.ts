import { Array as Arr, Context, Effect, ExecutionPlan, Schema } from "effect"
import { providerOf, remoteOf } from "../domain/Dependency.ts"
import {
  GenerationError,
  type GenerationReason,
  MalformedProposal,
  ModelsExhausted,
  OneModelFailure
} from "../domain/errors/GenerationError.ts"
import { Sha } from "../domain/Ids.ts"
import type { Rules } from "../domain/policies/Policies.ts"
import { Proposal } from "../domain/Proposal.ts"
import { ModelChoice, type Route } from "../domain/Route.ts"
import { Workspace } from "../services/Workspace.ts"
import { askModel, goesOn } from "./AskModel.ts"
import * as Step from "./Step.ts"
import { StepContext } from "./StepContext.ts"

/** A proposal, the commit it was made for, and who made it. */
export const Generated = Schema.Struct({
  proposal: Proposal,
  baseSha: Sha,
  /** Null when the order brought its own proposal. */
  model: Schema.NullOr(ModelChoice)
})
export type Generated = typeof Generated.Type

/** The model whose turn it is, and its place in the route. */
class CurrentModel extends Context.Service<
  CurrentModel,
  { readonly model: ModelChoice; readonly index: number }
>()("moose/steps/Generating/CurrentModel") {}

const isOneModelFailure = Schema.is(OneModelFailure)

/** May the next model be asked after this? */
const passesOn =
  (rules: Rules) =>
  (reason: GenerationReason): boolean =>
    isOneModelFailure(reason) && rules.recoveryOf(reason).actions.includes("next_model")

/** One model after the other, best first, until one answers with a proposal. */
const planFor = (rules: Rules, [first, ...rest]: readonly [ModelChoice, ...ReadonlyArray<ModelChoice>]) => {
  const step = (model: ModelChoice, index: number) => ({
    provide: Context.make(CurrentModel, { model, index }),
    while: passesOn(rules)
  })
  return ExecutionPlan.make(step(first, 0), ...rest.map((model, index) => step(model, index + 1)))
}

const summaryCharactersMax = 100

/** The beginning of a text, for one line of a timeline. */
const firstSentence = (text: string): string => {
  const [sentence = ""] = text.split(/(?<=[.!?])\s|\n/, 1)
  return sentence.length <= summaryCharactersMax
    ? sentence
    : `${sentence.slice(0, summaryCharactersMax - 1)}…`
}

const nobody = new MalformedProposal({
  model: "none",
  problem: "the route names no model to ask",
  excerpt: ""
})

/** Asks a model for a proposal, then the next one if that fails; or takes the order's own. */
export const generating = Step.builtIn({
  name: "generating",
  output: Generated,
  error: GenerationError,
  fail: (fields) => new GenerationError(fields),
  summary: ({ proposal, model }) => {
    const count = proposal.edits.length
    return `${model?.model ?? "the work order itself"} proposes ${count} ${count === 1 ? "edit" : "edits"}: ${firstSentence(proposal.summary)}`
  },
  run: Effect.fn("generating")(function* (route: Route) {
    const { order, project, rules } = yield* StepContext
    const workspace = yield* Workspace
    const { baseBranch, filesInScope } = order
    const snapshot = yield* workspace.snapshot({ project, baseBranch, filesInScope })
    const { baseSha } = snapshot
    if (order.proposal !== undefined) return { proposal: order.proposal, baseSha, model: null }

    const [first, ...rest] = route.models
    if (first === undefined) return yield* Effect.fail(nobody)
    const failures: Array<OneModelFailure> = []
    const ask = Effect.gen(function* () {
      const { model, index } = yield* CurrentModel
      const next = route.models[index + 1]
      return yield* askModel({ model, call: `generating/${index + 1}`, snapshot }).pipe(
        Effect.map((proposal) => ({ proposal, baseSha, model })),
        Effect.tapError((reason) => {
          if (!isOneModelFailure(reason)) return Effect.void
          failures.push(reason)
          return next !== undefined && passesOn(rules)(reason)
            ? goesOn(reason, `next model: ${next.model}`)
            : Effect.void
        })
      )
    })
    return yield* Effect.withExecutionPlan(ask, planFor(rules, [first, ...rest])).pipe(
      // A single failure says more under its own name.
      Effect.mapError((reason) =>
        failures.length > 1 && Arr.isArrayNonEmpty(failures) && isOneModelFailure(reason)
          ? new ModelsExhausted({ failures })
          : reason
      )
    )
  }),
  needs: ({ models }: Route, { order, project }) => [
    remoteOf(project),
    ...(order.proposal === undefined ? new Set(models.map(providerOf)) : [])
  ],
  provider: ({ models: [first] }) => (first === undefined ? undefined : providerOf(first)),
  handled: (reason) => isOneModelFailure(reason) || reason._tag === "ModelsExhausted"
})
