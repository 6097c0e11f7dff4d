import type { Classifier } from "../../domain/failures/Classified.ts"
import { Ended } from "./command/Ended.ts"
import { type Tag, conditions } from "./gh/Conditions.ts"
import { rules } from "./gh/Rules.ts"
import { writes } from "./gh/Operations.ts"

/**
 * Failures of gh commands: what gh says it did, GitHub's words, the call itself, git's words where git was
 * run, the network, and last the bare status.
 */
export const classifier: Classifier<Ended, Tag> = { system: "gh", input: Ended, conditions, rules, writes }
