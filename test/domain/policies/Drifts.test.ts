import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { drifts } from "../../../src/domain/policies/Drifts.ts"

it("docs/reconciler.md says of every drift what the table says", () => {
  const written = readFileSync(new URL("../../../docs/reconciler.md", import.meta.url), "utf8")
  const rows = written.split("\n").filter((line) => line.startsWith("| `"))
  const said = rows.map((line) => line.split(" | ").slice(0, 2).join(" | "))
  assert.sameMembers(
    said,
    Object.entries(drifts).map(([tag, { means }]) => `| \`${tag}\` | ${means}`)
  )
})
