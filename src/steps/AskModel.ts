import { Effect, Result } from "effect"
import { providerOf } from "../domain/Dependency.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import { MalformedProposal, OutputTruncated, Refused } from "../domain/errors/GenerationError.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Policies, type PolicyTables } from "../domain/policies/Policies.ts"
import type { ModelChoice } from "../domain/Route.ts"
import type { SpendRule } from "../domain/Spending.ts"
import type { ModelReply } from "../services/Proposer.ts"
import type { Snapshot } from "../services/Workspace.ts"
import { goesOn, mayGoOn } from "./GoingOn.ts"
import { paidCall } from "./PaidCall.ts"
import * as Prompt from "./Prompt.ts"
import { retrying } from "./Retrying.ts"
import { StepContext } from "./StepContext.ts"

const read = Effect.fnUntraced(function* (reply: ModelReply, { model, maxOutputTokens }: ModelChoice) {
  if (reply.finish === "length") return yield* new OutputTruncated({ model, maxOutputTokens })
  if (reply.finish === "content-filter") {
    return yield* new Refused({
      model,
      evidence: Evidence.make({ operation: "ask the model", excerpt: reply.text })
    })
  }
  return yield* Prompt.parse(reply.text, model)
})

/** Half of the files that were shown, the first ones: they are what the order names. */
const smaller = (snapshot: Snapshot): Snapshot => ({
  ...snapshot,
  files: snapshot.files.slice(0, Math.ceil(snapshot.files.length / 2)),
  paths: snapshot.paths.slice(0, Math.ceil(snapshot.paths.length / 2))
})

interface Question {
  readonly snapshot: Snapshot
  readonly problem: string | undefined
  /** What allows it to be asked. */
  readonly rule: SpendRule
}

/** The next question after a failure that the table says can be put right by asking otherwise. */
const askOtherwise = (
  question: Question,
  failure: Reason,
  tables: PolicyTables
): { readonly decision: string; readonly question: Question } | undefined => {
  const { actions } = tables.recoveryOf("generating", failure)
  if (actions.includes("repair")) {
    const problem = failure instanceof MalformedProposal ? failure.problem : failure.message
    return {
      decision: "repair: the model is shown what was wrong",
      question: { ...question, problem, rule: "repair" }
    }
  }
  if (!actions.includes("smaller_request")) return undefined
  const problem =
    failure instanceof OutputTruncated
      ? "Your answer was cut off at the output limit. Make the smallest change that fulfils the order, with search and replace instead of whole files."
      : question.problem
  return {
    decision: "smaller request",
    question: { snapshot: smaller(question.snapshot), problem, rule: "smaller_request" }
  }
}

/**
 * Asks one model until it answers with a proposal: repeats what may pass by itself, shows it what was wrong
 * with its answer, asks for less when it was too much; each within bounds. Every call is paid for and is a
 * journal entry of its own, named after `call`.
 */
export const askModel = Effect.fnUntraced(function* (options: {
  readonly model: ModelChoice
  readonly call: string
  readonly snapshot: Snapshot
  /** Why a change that was made already could not be used. */
  readonly problem?: string
  /** What allows the model to be asked, the first time. */
  readonly rule: SpendRule
}) {
  const { order, attempt, waits } = yield* StepContext
  const tables = yield* Policies
  const { model } = options
  let calls = 0
  // A step that is run again asks the same question again.
  const rule = attempt > 1 || waits > 0 ? "retry" : options.rule
  let question: Question = { snapshot: options.snapshot, problem: options.problem, rule }
  for (let round = 0; ; round++) {
    const request = Prompt.render({
      order,
      snapshot: question.snapshot,
      ...(question.problem === undefined ? {} : { problem: question.problem })
    })
    const answer = yield* retrying({
      needs: [providerOf(model)],
      provider: providerOf(model),
      attempt: (number) =>
        paidCall(
          `${options.call}/${attempt}/${++calls}`,
          number > 1 ? "retry" : question.rule,
          model,
          request
        )
    }).pipe(
      Effect.flatMap((reply) => read(reply, model)),
      Effect.result
    )
    if (Result.isSuccess(answer)) return answer.success
    const again = round < Limits.repairRoundsMax ? askOtherwise(question, answer.failure, tables) : undefined
    if (again === undefined || !(yield* mayGoOn(answer.failure))) return yield* Effect.fail(answer.failure)
    yield* goesOn(answer.failure, again.decision)
    question = again.question
  }
})
