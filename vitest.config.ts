import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    pool: "forks",
    // Files share a process and what it has imported: a fifth of the time. None keeps state in a module.
    isolate: false,
    // More than there are cores on a small machine: tests of processes mostly wait for them.
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // `npm run coverage`: what a failure means and what is done about it has to be tried, line by line.
    coverage: {
      provider: "v8",
      include: [
        "src/domain/errors/**",
        "src/domain/failures/**",
        "src/domain/policies/**",
        "src/steps/**",
        "src/layers/classifiers/**"
      ],
      reporter: ["text", "text-summary"],
      reportOnFailure: true,
      thresholds: { lines: 95, branches: 95 }
    }
  }
})
