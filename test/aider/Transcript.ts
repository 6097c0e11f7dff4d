import { Schema } from "effect"

/** A run of Aider as it was: what it was called with, how it ended, what it said, and what it had done. */
export const Transcript = Schema.Struct({
  /** What it was asked to do: edit, or tell its version. */
  operation: Schema.Literals(["message", "version"]),
  argv: Schema.Array(Schema.String),
  exitCode: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  /** It was ended because its time was over. */
  timedOut: Schema.Boolean,
  stdout: Schema.String,
  stderr: Schema.String,
  /** Its analytics log. */
  analytics: Schema.String,
  /** What the fence refused. */
  refused: Schema.Array(Schema.String),
  /** `git diff` against the commit it began at. */
  diff: Schema.String
})
export type Transcript = typeof Transcript.Type
