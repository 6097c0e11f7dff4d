import { assert, describe, it } from "@effect/vitest"
import { PlatformError } from "effect"
import { fileReason, localReason, remoteReason } from "../../../src/layers/git/Failures.ts"
import {
  isAccepted,
  isMoved,
  pushReason,
  refAnswer,
  refusalReason
} from "../../../src/layers/git/PushFailures.ts"
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

describe("GitFailures", () => {
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
      ["remote: fatal: write error: No space left on device", "GitFailed"],
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
      ["fatal: transport 'ext' not allowed", "GitFailed"]
    ] as const
    for (const [stderr, tag] of cases) {
      assert.strictEqual(remoteReason(end(stderr), place)._tag, tag, stderr)
    }
    const archived = ssh("ERROR: This repository was archived so it is read-only.")
    assert.strictEqual(pushReason(end(archived), place)._tag, "PermissionDenied")
    assert.strictEqual(remoteReason(end(archived), place)._tag, "AuthenticationFailed")
  })

  it("finds the remote's answer for exactly one ref", () => {
    const printed =
      "To https://x/\n*\tabc:refs/heads/a/b\t[new branch]\n!\tabc:refs/heads/b\t[rejected] (stale info)\nDone\n"
    assert.isUndefined(refAnswer(printed, "refs/heads/c"))
    const created = refAnswer(printed, "refs/heads/a/b")
    assert.deepStrictEqual(created, { flag: "*", summary: "[new branch]" })
    const stale = refAnswer(printed, "refs/heads/b")
    assert.isTrue(stale !== undefined && isMoved(stale) && !isAccepted(stale))
    assert.isFalse(isAccepted({ flag: "-", summary: "[deleted]" }))
    assert.isTrue(
      isMoved({
        flag: "!",
        summary: "[remote rejected] (cannot lock ref 'refs/heads/b': is at 1111 but expected 2222)"
      })
    )
  })

  it("tells the kinds of refusal apart", () => {
    const refused = (why: string, stderr = "") =>
      refusalReason(end(stderr, 1), { flag: "!", summary: `[remote rejected] (${why})` }, place)._tag
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
