import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Aider.ts"
import { suite } from "./CommandSuite.ts"
import { aiderCases } from "./held-out/Aider.ts"
import { aiderMoreCases } from "./held-out/AiderMore.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (stdout: string, exitCode = 0) =>
  classify(
    classifier,
    "message",
    Schema.decodeUnknownSync(classifier.input)({ exitCode, stdout, stderr: "" })
  )

describe("aider", () => {
  suite({
    classifier,
    cases: [...aiderCases, ...aiderMoreCases],
    disagreements,
    lookAlikes: [
      "aider.auth_error_exit0",
      "aider.commit_failed_hook_exit0",
      "aider.no_edits_exit0",
      "aider.shell_command_skipped_yes_always"
    ],
    // In JSON the words in quotes are codes and names of events.
    notThese: ["quoted"]
  })

  it("takes no word of what the model wrote for a complaint", () => {
    const got = of(
      "Your credit balance is too low. litellm.AuthenticationError means a bad key; overloaded_error passes.\nTokens: 2.1k sent, 64 received. Cost: $0.01 message, $0.01 session.\n"
    )
    assert.deepStrictEqual([got.tag, got.retryable, got.sideEffect], ["NoEdits", false, "none"])
  })

  it("never forgets an edit that was made, whatever came after it", () => {
    for (const after of [
      "litellm.RateLimitError: x",
      "litellm.AuthenticationError: x",
      "Empty response received from LLM. Check your provider account?",
      "The LLM did not conform to the edit format.",
      "Run shell command? (Y)es/(N)o [Yes]: n",
      "Skipping edits to a.ts that matches gitignore spec.",
      "Tokens: 2k sent, 3k received.",
      "something unheard of"
    ]) {
      assert.strictEqual(of(`Applied edit to src/app.ts\n${after}\n`).sideEffect, "certain", after)
    }
  })

  it("knows a request that may have been billed from one that was never sent", () => {
    for (const [said, category, sideEffect] of [
      ["litellm.Timeout: APITimeoutError - Request timed out.", "ambiguous", "possible"],
      ["litellm.APIConnectionError: Read timed out. (read timeout=600)", "ambiguous", "possible"],
      ["litellm.APIConnectionError: [Errno 110] Connection timed out", "transient", "none"],
      ["litellm.APIConnectionError: [Errno 111] Connection refused", "transient", "none"]
    ] as const) {
      const got = of(`${said}\n`)
      assert.deepStrictEqual(
        [got.category, got.retryable, got.sideEffect],
        [category, true, sideEffect],
        said
      )
    }
    // What it had edited before is there.
    assert.strictEqual(of("Applied edit to a.ts\nlitellm.Timeout: x\n").sideEffect, "certain")
  })

  it("reads the last state from the analytics log", () => {
    const event = (name: string, properties: object = {}) =>
      `${JSON.stringify({ event: name, properties })}\n`
    assert.strictEqual(
      of(event("message_send_starting") + event("message_send") + event("message_send_starting")).tag,
      "NoReply"
    )
    assert.strictEqual(of(event("exit", { reason: "Control-C" })).sideEffect, "possible")
  })
})
