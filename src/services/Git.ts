import { Context, Schema } from "effect"
import {
  BaseBranchMissing,
  GitFailed,
  TimedOut,
  gitReasons,
  remoteReasons
} from "../domain/errors/Reasons.ts"
import { pushReasons } from "../domain/errors/PullRequestError.ts"
import { Sha } from "../domain/Ids.ts"
import { RepositoryPath } from "../domain/Proposal.ts"
import type { Service } from "./Contract.ts"

const Directory = Schema.NonEmptyString
const RemoteUrl = Schema.NonEmptyString
const local = Schema.Union(gitReasons)
const remote = Schema.Union(remoteReasons)

/** All paths are absolute, all branches short names (`main`), all refs full names (`refs/heads/main`). */
export const GitContract = {
  version: { input: Schema.Struct({}), output: Schema.String, failure: Schema.Union([GitFailed, TimedOut]) },
  /** Makes a bare repository, or leaves the one that is there. */
  initBare: { input: Schema.Struct({ directory: Directory }), output: Schema.Void, failure: local },
  /** The address of a checkout's remote (`origin`, or its only one), or null when it has none. */
  remoteUrl: {
    input: Schema.Struct({ directory: Directory }),
    output: Schema.NullOr(Schema.String),
    failure: Schema.Union([...gitReasons, ...remoteReasons])
  },
  /** The branch that the remote's HEAD names, or null when it names none. */
  defaultBranch: {
    input: Schema.Struct({ remoteUrl: RemoteUrl }),
    output: Schema.NullOr(Schema.String),
    failure: remote
  },
  /** Brings one branch into `refs/remotes/origin/<branch>` and answers its tip. */
  fetchBranch: {
    input: Schema.Struct({ directory: Directory, remoteUrl: RemoteUrl, branch: Schema.NonEmptyString }),
    output: Sha,
    failure: Schema.Union([...remoteReasons, BaseBranchMissing])
  },
  /** What the remote has under a branch name right now, or null. */
  remoteHead: {
    input: Schema.Struct({ remoteUrl: RemoteUrl, branch: Schema.NonEmptyString }),
    output: Schema.NullOr(Sha),
    failure: remote
  },
  /**
   * Pushes one commit to a branch of the remote, if that branch is still at `expected` (null: absent).
   * Succeeds only when the remote's own answer for this ref says so.
   */
  push: {
    input: Schema.Struct({
      directory: Directory,
      remoteUrl: RemoteUrl,
      sha: Sha,
      branch: Schema.NonEmptyString,
      expected: Schema.NullOr(Sha)
    }),
    output: Schema.Void,
    failure: Schema.Union([...remoteReasons, ...pushReasons])
  },
  /** The remote's branches whose names begin with `prefix`, as they are right now. */
  remoteBranches: {
    input: Schema.Struct({ remoteUrl: RemoteUrl, prefix: Schema.NonEmptyString }),
    output: Schema.Array(Schema.Struct({ branch: Schema.String, sha: Sha })),
    failure: remote
  },
  /** Every file at a commit. */
  listFiles: {
    input: Schema.Struct({ directory: Directory, sha: Sha }),
    output: Schema.Array(RepositoryPath),
    failure: local
  },
  /** One file at a commit, or null when it is absent, not text, or longer than `bytesMax`. */
  readFile: {
    input: Schema.Struct({ directory: Directory, sha: Sha, path: RepositoryPath, bytesMax: Schema.Int }),
    output: Schema.NullOr(Schema.String),
    failure: local
  },
  /** Checks a commit out, detached, in a new worktree. Anything left there by a crash is replaced. */
  addWorktree: {
    input: Schema.Struct({ directory: Directory, worktree: Directory, sha: Sha }),
    output: Schema.Void,
    failure: local
  },
  /** Removes a worktree and what git remembers of it. One that is not there is removed already. */
  removeWorktree: {
    input: Schema.Struct({ directory: Directory, worktree: Directory }),
    output: Schema.Void,
    failure: local
  },
  /**
   * Commits everything in a worktree that differs from HEAD and is not ignored, and of `paths` also what is
   * ignored; with fixed dates and no hooks. Null when nothing differs.
   */
  commitAll: {
    input: Schema.Struct({
      worktree: Directory,
      paths: Schema.Array(RepositoryPath),
      message: Schema.NonEmptyString,
      /** Seconds since 1970. */
      committedAt: Schema.Int
    }),
    output: Schema.NullOr(Sha),
    failure: local
  },
  /** What differs between two commits. */
  diff: {
    input: Schema.Struct({ directory: Directory, from: Sha, to: Sha }),
    output: Schema.Struct({
      files: Schema.Array(Schema.String),
      insertions: Schema.Int,
      deletions: Schema.Int,
      patch: Schema.String
    }),
    failure: local
  },
  /**
   * Makes a commit out of a patch on its base, with fixed dates: the same input makes the same commit, wherever it is
   * made. Both refs and worktrees stay as they are.
   */
  commitPatch: {
    input: Schema.Struct({
      directory: Directory,
      baseSha: Sha,
      /** As `diff` gives it. */
      patch: Schema.NonEmptyString,
      message: Schema.NonEmptyString,
      /** Seconds since 1970. */
      committedAt: Schema.Int
    }),
    output: Sha,
    failure: local
  },
  /** Does the repository have this commit? */
  holds: {
    input: Schema.Struct({ directory: Directory, sha: Sha }),
    output: Schema.Boolean,
    failure: local
  },
  /** All refs whose names begin with `prefix`, in order. */
  listRefs: {
    input: Schema.Struct({ directory: Directory, prefix: Schema.NonEmptyString }),
    output: Schema.Array(Schema.Struct({ ref: Schema.String, sha: Sha })),
    failure: local
  },
  /** What a ref points at, or null. */
  readRef: {
    input: Schema.Struct({ directory: Directory, ref: Schema.NonEmptyString }),
    output: Schema.NullOr(Sha),
    failure: local
  },
  /** Points a ref at a commit, or removes it (null). */
  writeRef: {
    input: Schema.Struct({ directory: Directory, ref: Schema.NonEmptyString, sha: Schema.NullOr(Sha) }),
    output: Schema.Void,
    failure: local
  },
  /** The value of a commit message's trailer, or null. */
  trailer: {
    input: Schema.Struct({ directory: Directory, sha: Sha, key: Schema.NonEmptyString }),
    output: Schema.NullOr(Schema.String),
    failure: local
  }
} as const

/** git, one capability a method; what it prints for people is never interpreted. */
export class Git extends Context.Service<Git, Service<typeof GitContract>>()("moose/services/Git") {}
