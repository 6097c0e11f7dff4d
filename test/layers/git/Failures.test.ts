import { assert, describe, it } from "@effect/vitest"
import { PlatformError, Schema } from "effect"
import * as Evidence from "../../../src/domain/errors/Evidence.ts"
import { type Tag, conditions } from "../../../src/layers/classifiers/git/Conditions.ts"
import {
  fileReason,
  localOf,
  localReason,
  reasons,
  remoteOf,
  remoteReason
} from "../../../src/layers/git/Failures.ts"
import { isAccepted, pushOf, pushReason, refAnswer } from "../../../src/layers/git/PushFailures.ts"
import { GitContract } from "../../../src/services/Git.ts"
import { branchProblem, isPath, refProblem, remoteUrlProblem, shown } from "../../../src/layers/git/Names.ts"

const place = { path: "/mirror", remoteUrl: "https://example.org/a/b.git", branch: "moose/wo-1" }

const end = (stderr: string, exitCode: number | null = 128, signal: string | null = null) => ({
  operation: "git push",
  exitCode,
  signal,
  stderr
})

const ssh = (line: string) =>
  `${line}\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n`

const isTag = (name: string): name is Tag => name in conditions
const tags = Object.keys(reasons).filter(isTag)

describe("GitFailures", () => {
  it("has a declared reason for every condition that the classifier knows, for every kind of command", () => {
    assert.deepStrictEqual(tags.toSorted(), Object.keys(conditions).toSorted())
    const evidence = Evidence.make({ operation: "git push", excerpt: "words" })
    for (const tag of tags) {
      const found = { tag, evidence }
      assert.isTrue(Schema.is(GitContract.diff.failure)(localOf(found, "/m")), tag)
      for (const method of ["remoteHead", "fetchBranch", "defaultBranch"] as const) {
        assert.isTrue(Schema.is(GitContract[method].failure)(remoteOf(found, place)), tag)
      }
      for (const refused of [true, false]) {
        const reason = pushOf(found, place, refused)
        if (reason === undefined) assert.strictEqual(reasons[tag], "HeadMoved")
        else assert.isTrue(Schema.is(GitContract.push.failure)(reason), tag)
      }
    }
  })

  it("reads an end once: the reason and its condition agree", () => {
    const locked = localReason(end("fatal: bad object worktrees/wo-1-1/HEAD"), "/m")
    assert.strictEqual(locked._tag, "RepositoryLocked")
    if (locked._tag !== "RepositoryLocked") return
    assert.strictEqual(locked.evidence.condition?.tag, "WorktreeHalfMade")
    assert.isTrue(locked.evidence.condition?.retryable)
  })

  it("tells what went wrong on this machine", () => {
    const cases = [
      [
        "fatal: Unable to create '/m/index.lock': File exists.\n\nAnother git process seems to",
        "RepositoryLocked"
      ],
      ["fatal: Unable to create '/m/index.lock': Permission denied", "GitFailed"],
      ["error: could not lock config file /m/config: File exists", "RepositoryLocked"],
      [
        "fatal: bad object worktrees/wo-1-1/HEAD\nerror: did not send all necessary objects",
        "RepositoryLocked"
      ],
      [
        "fatal: failed to read worktrees/1-3/commondir: Success\nerror: /o.git did not send all necessary objects",
        "RepositoryLocked"
      ],
      ["fatal: unable to write loose object file: No space left on device", "DiskFull"],
      ["fatal: cannot update ref 'refs/heads/a': couldn't write '/m/refs/heads/a.lock'", "DiskFull"],
      ["", "GitFailed"]
    ] as const
    for (const [stderr, tag] of cases) assert.strictEqual(localReason(end(stderr), "/m")._tag, tag, stderr)
    const killed = localReason(end("", null, "SIGKILL"), "/m")
    assert.include(killed.message, "SIGKILL")
  })

  it("tells what went wrong between this machine and the remote", () => {
    const cases = [
      [ssh("git@example.org: Permission denied (publickey)."), "AuthenticationFailed"],
      [ssh("ERROR: Repository not found."), "RepositoryMissing"],
      [
        ssh("ssh: Could not resolve hostname example.org: Temporary failure in name resolution"),
        "RemoteUnreachable"
      ],
      [ssh("ssh: connect to host example.org port 22: Connection timed out"), "RemoteUnreachable"],
      [ssh("client_loop: send disconnect: Broken pipe"), "RemoteUnreachable"],
      // Waiting does not make a certificate or a host key right.
      [ssh("Host key verification failed."), "GitFailed"],
      ["fatal: unable to access 'https://x/': server certificate verification failed.", "GitFailed"],
      ["fatal: unable to access 'https://x/': The requested URL returned error: 403", "AuthenticationFailed"],
      ["fatal: unable to access 'https://x/': CONNECT tunnel failed, response 503", "RemoteUnreachable"],
      ["fatal: unable to access 'https://x/': Operation too slow.", "RemoteUnreachable"],
      ["error: RPC failed; curl 56 Recv failure: Connection reset by peer", "RemoteUnreachable"],
      ["fatal: could not read Username for 'https://x': terminal prompts disabled", "AuthenticationFailed"],
      ["remote: Repository not found.\nfatal: repository 'https://x/' not found", "RepositoryMissing"],
      ["fatal: transport 'ext' not allowed", "RepositoryMissing"],
      // The remote's disk, not ours.
      ["remote: fatal: write error: No space left on device\nfatal: early EOF", "GitFailed"],
      ["error: RPC failed; HTTP 507 curl 22 The requested URL returned error: 507", "GitFailed"]
    ] as const
    for (const [stderr, tag] of cases) {
      assert.strictEqual(remoteReason(end(stderr), place)._tag, tag, stderr)
    }
    const archived = ssh("ERROR: This repository was archived so it is read-only.")
    assert.strictEqual(pushReason(end(archived), place)?._tag, "PermissionDenied")
    assert.strictEqual(remoteReason(end(archived), place)._tag, "AuthenticationFailed")
  })

  it("finds the remote's answer for exactly one ref", () => {
    const printed =
      "To https://x/\n*\tabc:refs/heads/a/b\t[new branch]\n!\tabc:refs/heads/b\t[rejected] (stale info)\nDone\n"
    assert.isUndefined(refAnswer(printed, "refs/heads/c"))
    const created = refAnswer(printed, "refs/heads/a/b")
    assert.deepStrictEqual(created, { flag: "*", summary: "[new branch]" })
    const stale = refAnswer(printed, "refs/heads/b")
    assert.isTrue(stale !== undefined && !isAccepted(stale))
    assert.isFalse(isAccepted({ flag: "-", summary: "[deleted]" }))
  })

  it("leaves it to another question where a branch is that has moved", () => {
    for (const summary of [
      "[rejected] (stale info)",
      "[rejected] (fetch first)",
      "[remote rejected] (reference already exists)",
      "[remote rejected] (cannot lock ref 'refs/heads/b': is at 1111 but expected 2222)"
    ]) {
      assert.isUndefined(pushReason(end("", 1), place, { flag: "!", summary }), summary)
    }
  })

  it("tells the kinds of refusal apart", () => {
    const refused = (why: string, stderr = "") =>
      pushReason(end(stderr, 1), place, { flag: "!", summary: `[remote rejected] (${why})` })?._tag
    assert.strictEqual(refused("unpacker error"), "RemoteUnreachable")
    assert.strictEqual(refused("missing necessary objects"), "PushRejected")
    assert.strictEqual(
      refused("pre-receive hook declined", "remote: You are not allowed to push code to this project."),
      "PermissionDenied"
    )
    assert.strictEqual(refused("protected branch hook declined"), "PushProtected")
    assert.strictEqual(refused("pre-receive hook declined"), "PushRejected")
    assert.strictEqual(
      refused(
        "pre-receive hook declined",
        "remote: GitLab: You are not allowed to push code to protected branches"
      ),
      "PushProtected"
    )
    assert.strictEqual(refused("Internal Server Error"), "RemoteUnreachable")
    assert.strictEqual(
      refused("refusing to allow an OAuth App to create or update workflow `a.yml` without `workflow` scope"),
      "PermissionDenied"
    )
  })

  it("shows no secret", () => {
    const failure = remoteReason(
      end("fatal: unable to access 'https://moose:hunter2@example.org/a/b.git/': Connection refused"),
      { ...place, remoteUrl: "https://moose:hunter2@example.org/a/b.git?key=hunter2" }
    )
    assert.strictEqual(failure._tag, "RemoteUnreachable")
    assert.notInclude(`${failure.message} ${JSON.stringify(failure)}`, "hunter2")
    assert.strictEqual(shown("https://u:p@example.org:8443/a?b=c"), "https://example.org:8443/a")
  })

  it("knows a full disk by its code, not by its words", () => {
    const error = (code: string) =>
      PlatformError.systemError({
        _tag: "Unknown",
        module: "FileSystem",
        method: "writeFile",
        cause: Object.assign(new Error("no"), { code })
      })
    assert.strictEqual(fileReason("write", "/m/a", error("ENOSPC"))._tag, "DiskFull")
    assert.strictEqual(fileReason("write", "/m/a", error("EROFS"))._tag, "GitFailed")
  })
})

describe("GitNames", () => {
  it("takes git's rules for names", () => {
    for (const name of ["main", "moose/wo-1", "größe/ü", "a.b", "+a", "refs/heads/x", "a@b", "日本"]) {
      assert.isUndefined(branchProblem(name), name)
    }
    for (const name of [
      "",
      "-x",
      "HEAD",
      "@",
      "a..b",
      "a b",
      "a:b",
      "a^",
      "a~",
      "a?",
      "a*",
      "a[b",
      "a\\b",
      "/a",
      "a/"
    ]) {
      assert.isDefined(branchProblem(name), name)
    }
    for (const name of ["a//b", ".a", "b/.a", "a.lock", "a.lock/b", "a.", "a@{b", "a\u007f", "a\nb"]) {
      assert.isDefined(branchProblem(name), name)
    }
    assert.isUndefined(refProblem("refs/moose/quarantine/wo-1/2"))
    assert.isDefined(refProblem("heads/main"))
  })

  it("tells addresses from paths", () => {
    for (const path of ["/srv/a.git", "../a.git", "a.git", "./host:path", "/srv/a:b"])
      assert.isTrue(isPath(path), path)
    for (const url of ["https://x/a", "git@x:a/b", "file:///srv/a", "x:a", "codecommit::eu://a"]) {
      assert.isFalse(isPath(url), url)
      assert.isUndefined(remoteUrlProblem(url))
    }
    for (const url of ["-x", "--upload-pack=x", "../a.git", "a", "https://x/\na"])
      assert.isDefined(remoteUrlProblem(url))
  })
})
