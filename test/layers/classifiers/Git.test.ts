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

  describe("reads the numbers that git prints in every language", () => {
    const url = "https://git.example.org/a.git/"
    const asked = (status: number) =>
      `fatal: unable to access '${url}': The requested URL returned error: ${status}`
    /** Git's words while a pack is under way, when the request carried the work itself. */
    const sent = (status: number) =>
      `error: RPC failed; HTTP ${status} curl 22 The requested URL returned error: ${status}`
    const says = (operation: string, stderr: string) => {
      const { category, retryable, sideEffect, tag } = of(operation, { exitCode: 128, stderr })
      return `${tag}: ${category}, ${retryable ? "" : "not "}retryable, ${sideEffect}`
    }

    const statuses: ReadonlyArray<readonly [expected: string, ...statuses: ReadonlyArray<number>]> = [
      ["NetworkTimeout: transient, retryable, none", 408, 504, 522, 524, 598],
      ["TlsFailure: configuration, not retryable, none", 495, 496, 525, 526],
      ["RemoteServerError: transient, retryable, none", 423, 425, 500, 502, 520],
      ["NotAGitServer: configuration, not retryable, none", 304, 405, 406, 411, 415, 511],
      ["AuthenticationFailed: configuration, not retryable, none", 401],
      ["QuotaExhausted: budget, not retryable, none", 402],
      ["PermissionDenied: configuration, not retryable, none", 403],
      ["ProxyFailure: configuration, not retryable, none", 407],
      ["RateLimited: transient, retryable, none", 429]
    ]
    for (const [expected, ...all] of statuses) {
      for (const status of all) {
        it(`${status} is ${expected}`, () => {
          assert.strictEqual(says("push", asked(status)), expected)
        })
      }
    }

    it("takes what is refused for good as such", () => {
      for (const status of [400, 409, 418, 422, 451, 501, 505]) {
        assert.match(says("push", asked(status)), /^ServiceRefused: .*not retryable, none$/, String(status))
      }
      assert.match(says("push", asked(404)), /^RepositoryHidden: .*not retryable, none$/)
      assert.match(says("push", asked(413)), /^TooLarge: .*not retryable, none$/)
    })

    it("a status that came while the work was sent may have come after it; a fetch changes nothing", () => {
      for (const status of [500, 502, 504]) {
        assert.match(says("push", sent(status)), /: ambiguous, retryable, possible$/, String(status))
        assert.match(says("fetch", sent(status)), /: transient, retryable, none$/, String(status))
      }
      assert.match(says("push", sent(507)), /^RemoteDiskFull: .*possible$/)
    })

    it("a 403 or 503 in the words of a limit passes by itself; in others it does not say so", () => {
      const limited = (status: number) => `remote: You have exceeded a secondary rate limit\n${asked(status)}`
      assert.strictEqual(says("push", limited(403)), "RateLimited: transient, retryable, none")
      assert.strictEqual(says("push", limited(503)), "RateLimited: transient, retryable, none")
      assert.match(says("push", asked(503)), /^RemoteServerError: /)
    })

    const curl = (number: number, words = "something") => `error: RPC failed; curl ${number} ${words}`
    const numbers: ReadonlyArray<readonly [expected: string, ...numbers: ReadonlyArray<number>]> = [
      ["NetworkDns: transient, retryable, none", 6],
      ["NetworkUnreachable: transient, retryable, none", 7],
      ["TlsFailure: configuration, not retryable, none", 35, 51, 58, 60, 77, 91],
      ["NotAGitServer: configuration, not retryable, none", 1, 3],
      ["ProxyFailure: configuration, not retryable, none", 5, 97],
      ["NetworkTimeout: ambiguous, retryable, possible", 28],
      ["AuthenticationFailed: configuration, not retryable, none", 67],
      ["NetworkReset: ambiguous, retryable, possible", 16, 18, 52, 55, 56, 92],
      ["OutcomeUnknown: ambiguous, not retryable, possible", 65]
    ]
    for (const [expected, ...all] of numbers) {
      for (const number of all) {
        it(`curl ${number} is ${expected}`, () => {
          assert.strictEqual(says("push", curl(number)), expected)
        })
      }
    }

    it("a handshake that was cut off passes; one that was turned down does not", () => {
      assert.match(
        says("push", curl(35, "OpenSSL SSL_connect: SSL_ERROR_SYSCALL")),
        /^NetworkReset: transient/
      )
    })

    it("a server that asks to be left in peace is a limit, however the connection ended", () => {
      const calm = curl(92, "HTTP/2 stream 5 was not closed cleanly: ENHANCE_YOUR_CALM (err 11)")
      assert.match(says("fetch", calm), /^RateLimited: transient, retryable, none$/)
    })

    it("does not guess from a number that it does not know", () => {
      assert.strictEqual(of("push", { exitCode: 128, stderr: curl(88) }).rule === "http.curl", false)
    })
  })
})
