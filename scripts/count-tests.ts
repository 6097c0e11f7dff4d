import { readFileSync } from "node:fs"
import { Schema } from "effect"

// Prints the counts of a report of vitest's JSON reporter: node scripts/count-tests.ts <report>

const Report = Schema.fromJsonString(
  Schema.Struct({
    success: Schema.Boolean,
    numPassedTests: Schema.Int,
    numFailedTests: Schema.Int,
    numPendingTests: Schema.Int,
    testResults: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        status: Schema.String,
        assertionResults: Schema.Array(Schema.Unknown)
      })
    )
  })
)

const [file = ""] = process.argv.slice(2)
const report = Schema.decodeUnknownSync(Report)(readFileSync(file, "utf8"))
// A file that could not be loaded has no tests to fail: it counts as one failure.
const broken = report.testResults.filter(
  ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0
)
for (const { name } of broken) console.log(`FAIL ${name} could not be run`)
if (report.numPendingTests > 0) console.log(`${report.numPendingTests} skipped`)
console.log(`${report.numPassedTests} passed, ${report.numFailedTests + broken.length} failed`)
