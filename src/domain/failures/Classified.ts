import { Schema } from "effect"
import { Meaning } from "../errors/Failure.ts"
import { type ConditionRow, sharedConditions } from "./Condition.ts"

/** The foreign systems whose failures Moose reads. */
export const System = Schema.Literals([
  "git",
  "aider",
  "anthropic",
  "openai",
  "github",
  "gh",
  "postgres",
  "postgrest",
  "node"
])
export type System = typeof System.Type

/**
 * How far the operation had got. refused: it was turned down before it took effect; unknown: it was cut off,
 * and nobody said; happened: it took effect, whatever else went wrong.
 */
export type Reach = "refused" | "unknown" | "happened"

/** What a rule concludes from evidence. */
export interface Conclusion<Tag extends string = string> {
  readonly tag: Tag
  readonly reach: Reach
  readonly retryAfterMs?: number | undefined
  /** Where this case differs from its condition's row, and why is said beside the rule. */
  readonly but?: Partial<Pick<ConditionRow, "category" | "retryable" | "hint">> | undefined
}

/** A failure that has been understood, as far as it can be. */
export const Classified = Schema.Struct({
  tag: Schema.String,
  ...Meaning.fields,
  retryAfterMs: Schema.NullOr(Schema.Int)
})
export type Classified<Tag extends string = string> = typeof Classified.Type & { readonly tag: Tag }

/** What follows from a conclusion. `writes`: can the operation change anything at all? */
export const derive = <Tag extends string>(
  row: ConditionRow,
  conclusion: Conclusion<Tag>,
  writes: boolean
): Classified<Tag> => {
  const sideEffect =
    conclusion.reach === "happened"
      ? "certain"
      : conclusion.reach === "unknown" && writes
        ? "possible"
        : "none"
  const category =
    conclusion.but?.category ??
    (row.category === "transient" && sideEffect !== "none" ? "ambiguous" : row.category)
  return {
    tag: conclusion.tag,
    category,
    blame: row.blame,
    severity: row.severity,
    retryable: conclusion.but?.retryable ?? row.retryable,
    sideEffect,
    hint: conclusion.but?.hint ?? row.hint,
    retryAfterMs: conclusion.retryAfterMs ?? null
  }
}

/** One thing to look for. The first rule that fires decides, so rules go from structure to text, and from narrow to wide. */
export interface Rule<Input, Tag extends string> {
  /** Unique within its system; shown with the figures, so that a rule for a single case is seen. */
  readonly id: string
  readonly when: (input: Input, operation: string) => Conclusion<Tag> | undefined
}

/** A system's way from raw evidence to what follows from it. */
export interface Classifier<Input, Tag extends string> {
  readonly system: System
  /** Decodes the raw evidence; anything may be missing. */
  readonly input: Schema.Codec<Input, unknown>
  readonly conditions: Readonly<Record<Tag, ConditionRow>>
  readonly rules: ReadonlyArray<Rule<Input, Tag>>
  /** Unknown operations write: the cautious answer. */
  readonly writes: (operation: string, input: Input) => boolean
}

/** The first rule that fires, and what follows; what no rule knows is Unrecognised, and may have happened. */
export const classify = <Input, Tag extends string>(
  classifier: Classifier<Input, Tag>,
  operation: string,
  input: Input
): Classified<Tag | "Unrecognised"> & { readonly rule: string | null } => {
  const writes = classifier.writes(operation, input)
  for (const { id, when } of classifier.rules) {
    const conclusion = when(input, operation)
    if (conclusion !== undefined)
      return { ...derive(classifier.conditions[conclusion.tag], conclusion, writes), rule: id }
  }
  return { ...unrecognised(writes), rule: null }
}

/** What follows from evidence that says nothing. */
export const unrecognised = (writes: boolean): Classified<"Unrecognised"> =>
  derive(sharedConditions.Unrecognised, { tag: "Unrecognised", reach: "unknown" }, writes)
