import type { Effect } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import * as Together from "../Together.ts"
import * as EngineStore from "./EngineStore.ts"

/** Commits what runs have to say; what comes at the same moment shares a commit. False: the claim is out of date. */
export const make = Together.make({
  most: Limits.commitsTogether,
  callsMax: Limits.commitsAtOnce,
  least: Limits.commitsLeast,
  alone: EngineStore.commit,
  together: EngineStore.commitTogether,
  isOneCallers: ({ _tag }) => _tag === "StoreConflict"
})
export type Commits = Effect.Success<typeof make>
