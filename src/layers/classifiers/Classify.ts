import { Result, Schema } from "effect"
import {
  type Classified,
  type Classifier,
  type System,
  classify,
  unrecognised
} from "../../domain/failures/Classified.ts"
import { classifier as aider } from "./Aider.ts"
import { classifier as anthropic } from "./Anthropic.ts"
import { classifier as gh } from "./Gh.ts"
import { classifier as git } from "./Git.ts"
import { classifier as github } from "./GitHub.ts"
import { classifier as node } from "./Node.ts"
import { classifier as openai } from "./OpenAi.ts"
import { classifier as postgres } from "./Postgres.ts"
import { classifier as postgrest } from "./PostgRest.ts"

/** All classifiers, by the system whose failures they read. */
export const classifiers = { aider, anthropic, gh, git, github, node, openai, postgres, postgrest } as const

/** What follows from a failure, and the rule that said so; null when none did. */
export type Classification = Classified & { readonly rule: string | null }

type Read = (operation: string, input: unknown) => Result.Result<Classification, Schema.SchemaError>

const read = <Input, Tag extends string>(classifier: Classifier<Input, Tag>): Read => {
  const decode = Schema.decodeUnknownResult(classifier.input)
  return (operation, input) =>
    Result.map(decode(input), (evidence) => classify(classifier, operation, evidence))
}

const reads: Record<System, Read> = {
  aider: read(aider),
  anthropic: read(anthropic),
  gh: read(gh),
  git: read(git),
  github: read(github),
  node: read(node),
  openai: read(openai),
  postgres: read(postgres),
  postgrest: read(postgrest)
}

/** What follows from raw evidence; fails only when it has not the shape of the system's evidence, naming the field. */
export const classifyEvidence = (system: System, operation: string, input: unknown) =>
  reads[system](operation, input)

/** The same for whatever it is given: evidence that cannot even be read is Unrecognised, and may have happened. */
export const classifyAny = (system: System, operation: string, input: unknown): Classification =>
  Result.getOrElse(classifyEvidence(system, operation, input), () => ({ ...unrecognised(true), rule: null }))
