import { Context, Schema } from "effect"
import { ChecksFailed } from "../domain/errors/ApplyError.ts"
import { Check } from "../domain/Project.ts"
import type { Service } from "./Contract.ts"

export const ChecksContract = {
  /** Runs one of a project's commands in a worktree, within its own time limit; it must exit 0. */
  run: {
    input: Schema.Struct({
      /** Absolute path of the worktree. */
      directory: Schema.NonEmptyString,
      check: Check
    }),
    output: Schema.Void,
    failure: ChecksFailed
  }
} as const

/** A project's own say about a change. */
export class Checks extends Context.Service<Checks, Service<typeof ChecksContract>>()(
  "moose/services/Checks"
) {}
