import type { MethodName } from "../../src/testing/Services.ts"
import type { AnyReason, Mode } from "./Case.ts"

/** What a case showed: what the expectations file says of it, and what must not be whatever it says. */
export interface Observed {
  readonly columns: ReadonlyArray<string>
  /** What has to hold in every case, and did not. */
  readonly broken: ReadonlyArray<string>
}

/** What a driver is given. */
export interface Met {
  readonly method: MethodName
  readonly mode: Mode
  readonly reason: AnyReason | null
}

/** "forge ×3, store" */
export const counted = (all: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1)
  const text = [...counts].map(([one, count]) => (count === 1 ? one : `${one} ×${count}`)).join(", ")
  return text === "" ? "-" : text
}
