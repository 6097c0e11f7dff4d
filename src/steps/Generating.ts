import { Array as Arr, Effect, Result, Schema } from "effect"
import {
  GenerationError,
  ModelsExhausted,
  OutputTruncated,
  Refused,
  OneModelFailure,
  MalformedProposal
} from "../domain/errors/GenerationError.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import { Sha } from "../domain/Ids.ts"
import { Proposal } from "../domain/Proposal.ts"
import type { ModelChoice, Route } from "../domain/Route.ts"
import { Workspace, type Snapshot } from "../services/Workspace.ts"
import { paidCall } from "./PaidCall.ts"
import * as Prompt from "./Prompt.ts"
import * as Step from "./Step.ts"
import { StepContext, record } from "./StepContext.ts"

/** A proposal, the commit it was made for, and who made it. */
export const Generated = Schema.Struct({
  proposal: Proposal,
  baseSha: Sha,
  /** Null when the order brought its own proposal. */
  model: Schema.NullOr(Schema.String)
})
export type Generated = typeof Generated.Type

const isOneModelFailure = Schema.is(OneModelFailure)

const ask = Effect.fnUntraced(function* (model: ModelChoice, number: number, snapshot: Snapshot) {
  const { order } = yield* StepContext
  const reply = yield* paidCall(`generating/${number}`, model, Prompt.render({ order, snapshot }))
  if (reply.finish === "length") {
    return yield* new OutputTruncated({ model: model.model, maxOutputTokens: model.maxOutputTokens })
  }
  if (reply.finish === "content-filter") {
    const evidence = Evidence.make({ operation: "ask the model", excerpt: reply.text })
    return yield* new Refused({ model: model.model, evidence })
  }
  return yield* Prompt.parse(reply.text, model.model)
})

const summaryCharactersMax = 100

/** The beginning of a text, for one line of a timeline. */
const firstSentence = (text: string): string => {
  const [sentence = ""] = text.split(/(?<=[.!?])\s|\n/, 1)
  return sentence.length <= summaryCharactersMax
    ? sentence
    : `${sentence.slice(0, summaryCharactersMax - 1)}…`
}

/** Asks a model for a proposal, then the next one if that fails; or takes the order's own. */
export const generating = Step.make({
  name: "generating",
  success: Generated,
  error: GenerationError,
  fail: (fields) => new GenerationError(fields),
  summary: ({ proposal, model }) => {
    const count = proposal.edits.length
    return `${model ?? "the work order itself"} proposes ${count} ${count === 1 ? "edit" : "edits"}: ${firstSentence(proposal.summary)}`
  },
  body: Effect.fn("generating")(function* (route: Route) {
    const { order, project } = yield* StepContext
    const workspace = yield* Workspace
    const { baseBranch, filesInScope } = order
    const snapshot = yield* workspace.snapshot({ project, baseBranch, filesInScope })
    const { baseSha } = snapshot
    if (order.proposal !== undefined) return { proposal: order.proposal, baseSha, model: null }

    const failures: Array<OneModelFailure> = []
    for (const [index, model] of route.models.entries()) {
      const answer = yield* Effect.result(ask(model, index + 1, snapshot))
      if (Result.isSuccess(answer)) return { proposal: answer.success, baseSha, model: model.model }
      if (!isOneModelFailure(answer.failure)) return yield* Effect.fail(answer.failure)
      failures.push(answer.failure)
      yield* record({ _tag: "Noted", step: "generating", message: answer.failure.message })
    }
    // A single failure says more under its own name.
    if (Arr.isArrayNonEmpty(failures) && failures.length > 1) return yield* new ModelsExhausted({ failures })
    return yield* Effect.fail(
      failures[0] ??
        new MalformedProposal({ model: "none", problem: "the route names no model to ask", excerpt: "" })
    )
  })
})
