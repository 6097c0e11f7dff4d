import { type Answer, isGood } from "../http/Answer.ts"
import { at } from "../http/Json.ts"
import { concluded, type GitHubRule, isGraphQl, isRead } from "./Conclude.ts"

const unreadable = (answer: Answer): boolean =>
  isGood(answer) && answer.status !== 204 && (answer.cut || answer.documents.length === 0)

/** Good answers that cannot be read, and faults of the server's, in which a write may have been done. */
export const replyRules: ReadonlyArray<GitHubRule> = [
  {
    id: "reply.done-but-unreadable",
    // 201 is said after the thing was made; a JSON answer that began says that it was done.
    when: (answer, operation) =>
      unreadable(answer) &&
      !isRead(operation) &&
      !answer.html &&
      !isGraphQl(answer) &&
      (answer.status === 201 || (answer.cut && at(answer.documents[0], "data") === undefined))
        ? concluded("CreatedReplyLost", "happened", answer)
        : undefined
  },
  {
    id: "reply.not-from-github",
    when: (answer, operation) =>
      !unreadable(answer)
        ? undefined
        : !isRead(operation)
          ? concluded("ResponseMalformed", "unknown", answer)
          : answer.html
            ? concluded("NotGitHub", "refused", answer)
            : concluded("StreamTruncated", "unknown", answer)
  },
  {
    id: "fault.of-the-server",
    when: (answer) =>
      answer.status !== null && (answer.status >= 500 || answer.status === 408)
        ? concluded("RemoteServerError", "unknown", answer)
        : undefined
  }
]
