import type { PolicyTables } from "../../src/domain/policies/Policies.ts"
import * as Calls from "./Calls.ts"
import type { Case } from "./Case.ts"
import * as Notices from "./Notices.ts"
import type { Observed } from "./Observed.ts"
import * as Orders from "./Orders.ts"
import * as Sweep from "./Sweep.ts"
import * as Worktrees from "./Worktrees.ts"

/** Runs a case by whoever calls its method; `tables` instead of those that hold. */
export const drive = (it: Case, tables?: PolicyTables): Observed => {
  switch (it.driver) {
    case "caller":
      return Calls.drive(it)
    case "notices":
      return Notices.drive(it)
    case "sweep":
      return Sweep.drive(it)
    case "workspace":
      return Worktrees.drive(it)
    default:
      return Orders.drive(it, tables)
  }
}
