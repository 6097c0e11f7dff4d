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
export type Classified = typeof Classified.Type

/** What follows from a conclusion. `writes`: can the operation change anything at all? */
export const derive = (row: ConditionRow, conclusion: Conclusion, writes: boolean): Classified => {
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
export interface Rule<Input, Tag extends string = string> {
  /** Unique within its system; shown with the figures, so that a rule for a single case is seen. */
  readonly id: string
  readonly when: (input: Input, operation: string) => Conclusion<Tag> | undefined
}

/** A system's way from raw evidence to what follows from it. */
export interface Classifier<Input> {
  readonly system: System
  /** Decodes the raw evidence; anything may be missing. */
  readonly input: Schema.Codec<Input, unknown>
  readonly conditions: Readonly<Record<string, ConditionRow>>
  readonly rules: ReadonlyArray<Rule<Input>>
  /** Unknown operations write: the cautious answer. */
  readonly writes: (operation: string, input: Input) => boolean
}

/** The first rule that fires, and what follows; what no rule knows is Unrecognised, and may have happened. */
export const classify = <Input>(
  classifier: Classifier<Input>,
  operation: string,
  input: Input
): Classified & { readonly rule: string | null } => {
  const writes = classifier.writes(operation, input)
  for (const rule of classifier.rules) {
    const conclusion = rule.when(input, operation)
    const row = conclusion === undefined ? undefined : classifier.conditions[conclusion.tag]
    if (conclusion !== undefined && row !== undefined) {
      return { ...derive(row, conclusion, writes), rule: rule.id }
    }
  }
  return {
    ...derive(sharedConditions.Unrecognised, { tag: "Unrecognised", reach: "unknown" }, writes),
    rule: null
  }
}
