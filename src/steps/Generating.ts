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
import { Proposal } from "../domain/Proposal.ts"
import { ModelChoice, type Route } from "../domain/Route.ts"
import { Workspace } from "../services/Workspace.ts"
import { askModel } from "./AskModel.ts"
import { goesOn, mayGoOn } from "./GoingOn.ts"
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

/** A model's turn that ended without a proposal. */
interface Turn {
  readonly reason: GenerationReason
  /** Is the next model asked? */
  readonly passesOn: boolean
}

/** One model after the other, best first, until one answers with a proposal. */
const planFor = ([first, ...rest]: readonly [ModelChoice, ...ReadonlyArray<ModelChoice>]) => {
  const step = (model: ModelChoice, index: number) => ({
    provide: Context.make(CurrentModel, { model, index }),
    while: ({ passesOn }: Turn) => passesOn
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
    /** A failed turn ends, and says whether the next model is asked. */
    const endTurn = Effect.fnUntraced(
      function* (reason: GenerationReason, next: ModelChoice | undefined) {
        if (isOneModelFailure(reason)) failures.push(reason)
        const passesOn =
          next !== undefined &&
          isOneModelFailure(reason) &&
          rules.recoveryOf(reason).actions.includes("next_model") &&
          (yield* mayGoOn(reason))
        if (passesOn) yield* goesOn(reason, `next model: ${next.model}`)
        return yield* Effect.fail<Turn>({ reason, passesOn })
      },
      Effect.catchTag(["StoreUnavailable", "StoreConflict"], (reason) =>
        Effect.fail<Turn>({ reason, passesOn: false })
      )
    )
    const turn = Effect.gen(function* () {
      const { model, index } = yield* CurrentModel
      const next = route.models[index + 1]
      const rule = index === 0 ? "first" : "next_model"
      return yield* askModel({ model, call: `generating/${index + 1}`, snapshot, rule }).pipe(
        Effect.map((proposal) => ({ proposal, baseSha, model })),
        Effect.catch((reason) => endTurn(reason, next))
      )
    })
    return yield* Effect.withExecutionPlan(turn, planFor([first, ...rest])).pipe(
      // A single failure says more under its own name.
      Effect.mapError(({ reason }) =>
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
