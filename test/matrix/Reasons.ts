import { readFileSync } from "node:fs"

/** What a person decided that a reason means. */
export interface Told {
  readonly component: string
  readonly category: string
  readonly blame: string
  readonly severity: string
  readonly retryable: boolean
  readonly sideEffect: string
  readonly hint: string
}

const read = (line: string): ReadonlyArray<readonly [string, Told]> => {
  if (line === "" || line.startsWith("#")) return []
  const [tag, component, category, blame, severity, retryable, sideEffect, hint] = line
    .split("|")
    .map((it) => it.trim())
  if (
    tag === undefined ||
    component === undefined ||
    category === undefined ||
    blame === undefined ||
    severity === undefined ||
    sideEffect === undefined ||
    hint === undefined
  ) {
    throw new Error(`reasons.txt: ${line}`)
  }
  const again = retryable === "again"
  return [[tag, { component, category, blame, severity, retryable: again, sideEffect, hint }]]
}

/** reasons.txt, by tag. */
export const told: Readonly<Partial<Record<string, Told>>> = Object.fromEntries(
  readFileSync(new URL("reasons.txt", import.meta.url), "utf8")
    .split("\n")
    .flatMap(read)
)
