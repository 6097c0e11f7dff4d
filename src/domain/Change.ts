import { Schema } from "effect"
import { Sha } from "./Ids.ts"

/** A commit on the order's branch, with enough in it to make the same commit again on another machine. */
export class Change extends Schema.Class<Change>("Change")({
  branch: Schema.String,
  baseSha: Sha,
  headSha: Sha,
  files: Schema.NonEmptyArray(Schema.String),
  insertions: Schema.Int,
  deletions: Schema.Int,
  /** `git diff --binary base head`. */
  patch: Schema.NonEmptyString,
  message: Schema.NonEmptyString,
  /** Author and committer date, seconds since 1970. */
  committedAt: Schema.Int
}) {}
