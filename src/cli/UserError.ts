import { Schema } from "effect"

/** Something the person at the keyboard can put right: one line that names the field or path, and the fix. */
export class UserError extends Schema.TaggedError<UserError>()("UserError", {
  problem: Schema.String,
  fix: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** The order ended otherwise than asked, and has been reported already: only the exit code is left to say. */
export class NotCompleted extends Schema.TaggedError<NotCompleted>()("NotCompleted", {}) {}
