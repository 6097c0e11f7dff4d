import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

// Each process imports Effect and the clients of the world outside; compiled once, that takes a third less. Set here,
// before there is a process.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "node-compile-cache")

/** What a failure means and what is done about it has to be tried, line by line. */
const tried = { lines: 95, branches: 95 }

/** The files that take longest, longest first: begun at the end, one of them would be waited for alone. */
const longest = [
  "cli.test.ts",
  "crash.test.ts",
  "postgres/EmbeddedPostgres.test.ts",
  "postgres/MigrationsBack.test.ts",
  "WorktreeWorkspace.test.ts",
  "git/Remotes.test.ts",
  "real/GitRemote.test.ts",
  "postgres/MigrationsOldSystem.test.ts",
  "escalations.test.ts",
  "ledger/histories.test.ts",
  "cli.mistakes.test.ts",
  "real/FaultyForge.test.ts",
  "incidents.test.ts"
]
const rank = ({ moduleId }: TestSpecification) => {
  const found = longest.findIndex((name) => moduleId.endsWith(`/${name}`))
  return found === -1 ? longest.length : found
}

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    // Files share a process and what it has imported: a fifth of the time. None keeps state in a module.
    isolate: false,
    // More than there are cores on a small machine: tests of processes mostly wait for them.
    maxWorkers: 4,
    // Against what hangs. How long something takes is measured in bench/, and a machine may be busy.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // `npm run coverage`
    coverage: {
      provider: "v8",
      include: [
        "src/domain/errors/**",
        "src/domain/failures/**",
        "src/domain/policies/**",
        "src/steps/**",
        "src/layers/classifiers/**"
      ],
      exclude: ["**/*.json"],
      reporter: ["text", "text-summary"],
      reportOnFailure: true,
      // Of each by itself, so that none lives on the others.
      thresholds: {
        "src/domain/errors/**": tried,
        "src/domain/failures/**": tried,
        "src/domain/policies/**": tried,
        "src/steps/**": tried,
        "src/layers/classifiers/**": tried
      }
    }
  }
})
