import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Git.ts"
import { fixture, suite } from "./CommandSuite.ts"
import { gitCases } from "./held-out/Git.ts"
import { gitMoreCases } from "./held-out/GitMore.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))

describe("git", () => {
  suite({
    classifier,
    // The last two parts were provoked with git 2.39.5, in seven languages, but for what hosts say.
    cases: [
      ...gitCases,
      ...gitMoreCases,
      ...fixture("git-provoked.jsonl"),
      ...fixture("git-provoked-more.jsonl")
    ],
    disagreements,
    lookAlikes: [
      "git.add.index_lock_permission",
      "git.commit.index_lock_exists",
      "git.fetch.html_login_page",
      "git.fetch.repo_not_found_404",
      "git.merge.conflict",
      "git.push.atomic_failed",
      "git.push.empty_local_ref_deletes_remote",
      "git.push.gh013_waiting_for_scan",
      "git.push.partial_update",
      "git.push.remote_rejected_internal_error",
      "git.push.reply_lost_empty",
      "git.status.empty_head_file",
      "git.worktree.add.disk_full_hidden"
    ]
  })

  it("takes the wait from what git says of it", () => {
    const wait = (stderr: string) => of("fetch", { exitCode: 128, stderr }).retryAfterMs
    const limited = "fatal: rate limited by 'https://git.example.org/a.git/', please try again"
    assert.deepStrictEqual(
      [
        wait(`${limited} in 30 seconds`),
        wait(`${limited} later`),
        wait("error: response requested a delay greater than http.maxRetryTime (120 > 60 seconds)"),
        wait(`${limited} in 99999999999999 seconds`)
      ],
      [30_000, null, 120_000, null]
    )
  })

  it("does not take what a remote's hook says for something about this repository", () => {
    const got = of("push", {
      exitCode: 1,
      stderr:
        "remote: fatal: not a git repository: '.'\nremote: fatal: bad revision 'x'\nsend-pack: unexpected disconnect while reading sideband packet\nfatal: the remote end hung up unexpectedly\n"
    })
    assert.deepStrictEqual([got.tag, got.retryable, got.sideEffect], ["NetworkReset", true, "possible"])
  })

  it("does not take a scan for the only obstacle when there is another", () => {
    const got = of("push", {
      exitCode: 1,
      stderr:
        "remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: - Changes must be made through a pull request.\nremote: - Code scanning is waiting for results from CodeQL for the commit 1111111.\n ! [remote rejected] HEAD -> main (push declined due to repository rule violations)\n"
    })
    assert.deepStrictEqual([got.retryable, got.sideEffect], [false, "none"])
  })

  it("does not take a branch's name for a reason", () => {
    for (const name of ["secret-permission", "internal-server-error", "timeout"]) {
      const got = of("push", {
        exitCode: 1,
        stderr: `To /srv/a.git\n ! [rejected]        ${name} -> ${name} (fetch first)\n`
      })
      assert.deepStrictEqual([got.tag, got.sideEffect], ["PushNotFastForward", "none"], name)
    }
  })

  it("knows by its name what an operation can change", () => {
    const killed = { exitCode: 137 }
    assert.strictEqual(of("git fetch origin", killed).sideEffect, "none")
    assert.strictEqual(of("git push", killed).sideEffect, "possible")
    assert.strictEqual(of("worktree add", killed).sideEffect, "possible")
    assert.strictEqual(of("frobnicate", killed).sideEffect, "possible")
  })
})
