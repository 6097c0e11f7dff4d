import type { Classifier, Rule } from "../../domain/failures/Classified.ts"
import type { Answer } from "./http/Answer.ts"
import { waitMs } from "./http/Wait.ts"
import { answerRules } from "./node/Answers.ts"
import type { Tag as NodeTag } from "./node/Conditions.ts"
import { networkRules } from "./node/Network.ts"
import type { Thrown } from "./node/Thrown.ts"
import { codeRules } from "./postgrest/Codes.ts"
import { type Tag, conditions } from "./postgrest/Conditions.ts"
import { reads, replyRules } from "./postgrest/Replies.ts"
import { type Reply, ReplyFromUnknown } from "./postgrest/Reply.ts"

/** The network's own rules, where there was no answer. */
const withoutAnswer = (rule: Rule<Thrown, NodeTag>): Rule<Reply, Tag> => ({
  id: rule.id,
  when: (reply, operation) => (reply.status === null ? rule.when(reply.thrown, operation) : undefined)
})

const nothing: Answer = {
  status: null,
  headers: {},
  now: null,
  body: "",
  documents: [],
  cut: false,
  stream: false,
  html: false,
  problems: [],
  thrown: []
}

/** Any answer may ask to wait, PostgREST's own while it connects again as well as a gateway's. */
const withWait = ({ id, when }: Rule<Reply, Tag>): Rule<Reply, Tag> => ({
  id,
  when: (reply, operation) => {
    const conclusion = when(reply, operation)
    return conclusion && { ...conclusion, retryAfterMs: waitMs({ ...nothing, headers: reply.headers }) }
  }
})

/** Reads what PostgREST, PostgreSQL behind it, a gateway before it, and supabase-js say: code, then status, then words. */
export const classifier: Classifier<Reply, Tag> = {
  system: "postgrest",
  input: ReplyFromUnknown,
  conditions,
  rules: [
    ...codeRules,
    ...replyRules,
    ...answerRules.map(withoutAnswer),
    ...networkRules(reads).map(withoutAnswer)
  ].map(withWait),
  writes: (operation) => !reads(operation)
}
