import { Console, Effect, Option, Result, Schema, Stdio, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { redact } from "../../domain/errors/Evidence.ts"
import { System } from "../../domain/failures/Classified.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { problemOf } from "../../domain/SchemaProblem.ts"
import { type Classification, classifyEvidence } from "../../layers/classifiers/Classify.ts"
import { type Line, keep, split } from "../Lines.ts"
import { classifyPasted, figureOf } from "../Pasted.ts"
import { NotCompleted, UserError } from "../UserError.ts"

/** Nothing here may import the database, the forge or a model: this command answers at once. */

const Failure = Schema.Struct({
  id: Schema.String,
  system: System,
  operation: Schema.String,
  input: Schema.Unknown
})
const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const decodeFailure = Schema.decodeUnknownResult(Failure, { errors: "all" })

/** One failure understood, as one line of JSON. */
const answer = (id: string | null, found: Classification): string => {
  const { tag, category, retryable, retryAfterMs, sideEffect, hint } = found
  return JSON.stringify({ id, tag, category, retryable, retryAfterMs, sideEffect, hint })
}

/** The answer to one line of JSON, or what is wrong with the line. */
export const classifyLine = (text: string): Result.Result<string, string> => {
  const json = decodeJson(text)
  if (Result.isFailure(json))
    return Result.fail(`it is not JSON: ${problemOf(json.failure).replace(/^the object: /, "")}`)
  const failure = decodeFailure(json.success)
  if (Result.isFailure(failure)) return Result.fail(problemOf(failure.failure))
  const { id, system, operation, input } = failure.success
  return classifyEvidence(system, operation, input).pipe(
    Result.map((found) => answer(id, found)),
    Result.mapError((error) => `input: ${problemOf(error)}`)
  )
}

const problemIn = (text: string | null): Result.Result<string, string> =>
  text === null
    ? Result.fail(`it is longer than ${Limits.classifyLineCharactersMax} characters`)
    : classifyLine(text)

/** Prints what one line comes to, and answers whether it was a good one. */
const say = Effect.fnUntraced(function* ({ number, text }: Line) {
  if (text !== null && text.trim() === "") return true
  const result = yield* Effect.try({ try: () => problemIn(text), catch: String }).pipe(
    // A rule that breaks on one line must not cost the others their answers.
    Effect.catch((defect) => Effect.succeed(Result.fail(`a rule failed on it (${defect})`)))
  )
  if (Result.isSuccess(result)) {
    yield* Console.log(result.success)
    return true
  }
  yield* Console.error(`line ${number}: ${redact(result.failure).replaceAll(/\p{Cc}+/gu, " ")}`)
  return false
})

const standardInput = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  if (yield* stdio.stdinIsTerminal) yield* Console.error("Reading what you type; Ctrl-D ends it.")
  return Stream.decodeText(stdio.stdin).pipe(
    Stream.mapError(
      ({ message }) =>
        new UserError({
          problem: `Standard input cannot be read: ${message}`,
          fix: "Give the failures on standard input."
        })
    )
  )
})

const classifyLines = Effect.gen(function* () {
  const text = yield* standardInput
  const bad = yield* split(Limits.classifyLineCharactersMax)(text).pipe(
    Stream.mapEffect(say),
    Stream.runFold(
      () => 0,
      (count, good) => (good ? count : count + 1)
    )
  )
  if (bad > 0) return yield* new NotCompleted({})
})

const without = (given: boolean, flag: string, fix: string) =>
  given ? Effect.fail(new UserError({ problem: `${flag} does not belong here`, fix })) : Effect.void

/** `moose classify`: says of foreign failures what they are, whether to repeat, and what to do. */
export const classify = Command.make(
  "classify",
  {
    system: Flag.Literals("system", System.literals).pipe(
      Flag.withDescription("Take all of standard input as one failure of this system, as it was printed"),
      Flag.optional
    ),
    operation: Flag.String("operation").pipe(
      Flag.withDescription("What was being done: push, GET /repos, query. Unknown counts as a write"),
      Flag.optional
    ),
    exitCode: Flag.Int("exit-code").pipe(
      Flag.withDescription("How the command ended that printed it"),
      Flag.optional
    ),
    status: Flag.Int("status").pipe(Flag.withDescription("The answer's HTTP status"), Flag.optional)
  },
  Effect.fnUntraced(function* ({ system, operation, exitCode, status }) {
    if (Option.isNone(system)) {
      const fix = "Name the system as well: --system git; or give one JSON object per line."
      yield* without(Option.isSome(operation), "--operation", fix)
      yield* without(Option.isSome(exitCode), "--exit-code", fix)
      yield* without(Option.isSome(status), "--status", fix)
      return yield* classifyLines
    }
    const figure = figureOf[system.value]
    const comes =
      figure === "none" ? "with neither" : `with ${figure === "status" ? "--status" : "--exit-code"}`
    const fix = `Failures of ${system.value} come ${comes}.`
    yield* without(Option.isSome(exitCode) && figure !== "exit code", "--exit-code", fix)
    yield* without(Option.isSome(status) && figure !== "status", "--status", fix)
    const text = yield* keep(Limits.pastedCharactersMax)(yield* standardInput)
    const found = classifyPasted({
      system: system.value,
      operation: Option.getOrElse(operation, () => ""),
      text,
      exitCode: Option.getOrNull(exitCode),
      status: Option.getOrNull(status)
    })
    yield* Console.log(answer(null, found))
  })
).pipe(Command.withDescription("Say what failures of other systems mean, and whether to repeat"))
