import type { Classifier } from "../../domain/failures/Classified.ts"
import { answerRules, slipRule } from "./node/Answers.ts"
import { type Tag, conditions } from "./node/Conditions.ts"
import { machineRules, processRules } from "./node/Machine.ts"
import { networkRules } from "./node/Network.ts"
import { type Thrown, ThrownFromUnknown } from "./node/Thrown.ts"

const readMethod = /(?:^|[\s.])(?:GET|HEAD|OPTIONS)(?=[\s/]|$)/
const readCall =
  /^(?:fs\.|dns\.)?(?:read\w*|l?stat|fstat|exists|access|scandir|opendir|realpath|lookup|resolve\w*|getaddrinfo|connect|import|require|listen|watch)$/i

/** Only what is known to change nothing: a fetch without its method may be a write. */
export const reads = (operation: string): boolean =>
  readMethod.test(operation) || readCall.test(operation.trim())

/** Reads what Node, libuv, undici and OpenSSL throw, and what child processes leave behind. */
export const classifier: Classifier<Thrown, Tag> = {
  system: "node",
  input: ThrownFromUnknown,
  conditions,
  rules: [...processRules, ...answerRules, ...networkRules(reads), ...machineRules, slipRule],
  writes: (operation) => !reads(operation)
}
