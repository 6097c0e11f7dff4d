import type { Classifier } from "../../domain/failures/Classified.ts"
import { accessRules } from "./github/Access.ts"
import { isRead } from "./github/Conclude.ts"
import { type Tag, conditions } from "./github/Conditions.ts"
import { refusalRules } from "./github/Refusals.ts"
import { replyRules } from "./github/Replies.ts"
import { transportRules } from "./github/Transport.ts"
import { type Answer, AnswerFromUnknown } from "./http/Answer.ts"

/** Failures of GitHub's REST and GraphQL interfaces. */
export const classifier: Classifier<Answer, Tag> = {
  system: "github",
  input: AnswerFromUnknown,
  conditions,
  rules: [...transportRules, ...replyRules, ...accessRules, ...refusalRules],
  writes: (operation) => !isRead(operation)
}
