import type { Classifier } from "../../domain/failures/Classified.ts"
import { type Tag, conditions } from "./aider/Conditions.ts"
import { edits, endings, provider, replies } from "./aider/Rules.ts"
import { Ended } from "./command/Ended.ts"

const reads = new Set(["startup", "version", "models", "help", "list-models"])

/**
 * Failures of Aider, which exits with 0 whatever its model calls came to: what its output and its analytics
 * log say it did decides. Provider errors count only when no reply came.
 */
export const classifier: Classifier<Ended, Tag> = {
  system: "aider",
  input: Ended,
  conditions,
  rules: [...endings, ...edits, ...provider, ...replies],
  writes: (operation) => !reads.has(operation.trim().toLowerCase())
}
