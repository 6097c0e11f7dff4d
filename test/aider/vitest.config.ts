import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

/** `npm run test:aider`: what needs an Aider, which takes minutes to install and seconds to start. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../../", import.meta.url)),
    include: ["test/aider/*.aider.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    pool: "forks",
    // Each file keeps both cores of a small machine busy.
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 60_000
  }
})
