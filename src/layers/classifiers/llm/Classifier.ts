import type { Classifier } from "../../../domain/failures/Classified.ts"
import { type Answer, AnswerFromUnknown } from "../http/Answer.ts"
import { complaintRules, statusRules } from "./Complaints.ts"
import { type Tag, conditions } from "./Conditions.ts"
import { replyRules } from "./Replies.ts"
import { transportRules } from "./Transport.ts"

/** What is asked for nothing: lists of models, and counting tokens. */
const free = /^(?:get|head|options)\b|(?:^|[./\s])(?:models|count_?tokens|input_tokens)(?:\.|$)/i

/** A classifier of one provider's failures. Providers, and the gateways before them, pass each other's complaints on. */
export const classifierOf = (system: "anthropic" | "openai"): Classifier<Answer, Tag> => ({
  system,
  input: AnswerFromUnknown,
  conditions,
  rules: [...transportRules, ...complaintRules, ...replyRules, ...statusRules],
  writes: (operation) => !free.test(operation)
})
