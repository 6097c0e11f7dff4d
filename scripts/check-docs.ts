import { readFileSync, writeFileSync } from "node:fs"
import { toMarkdown } from "../src/cli/CatalogueWords.ts"
import { catalogue } from "../src/domain/policies/Catalogue.ts"
import { samples } from "../src/testing/Samples.ts"

// Compares the documentation that is made from tables with what is there: node scripts/check-docs.ts [--write]

const file = new URL("../docs/failures.md", import.meta.url)
const wanted = toMarkdown(catalogue(samples))

const written = (): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

if (process.argv.includes("--write")) writeFileSync(file, wanted)
const found = written()
if (found !== wanted) {
  const lines = wanted.split("\n")
  const line = found.split("\n").findIndex((text, index) => text !== lines[index])
  console.error(
    `docs/failures.md is not what the tables say, from line ${line < 0 ? lines.length : line + 1} on.`
  )
  console.error("Write it again with: node scripts/check-docs.ts --write")
  process.exitCode = 1
}
