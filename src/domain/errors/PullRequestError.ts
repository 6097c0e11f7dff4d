import { Schema } from "effect"
import { Evidence } from "./Evidence.ts"
import { Failure } from "./Failure.ts"
import {
  BaseBranchMissing,
  CircuitOpen,
  PermissionDenied,
  RateLimited,
  RepositoryMissing,
  everyStep,
  remoteReasons
} from "./Reasons.ts"

const branch = Schema.String
const evidence = Evidence

/** The remote's branch is not where we left it. */
export class HeadMoved extends Schema.TaggedError<HeadMoved>()("HeadMoved", {
  branch,
  expected: Schema.NullOr(Schema.String),
  found: Schema.NullOr(Schema.String)
}) {
  override get message() {
    return `${this.branch} on the remote is at ${this.found ?? "nothing"}, not at ${this.expected ?? "nothing"}: somebody else pushed`
  }
}

export class PushRejected extends Schema.TaggedError<PushRejected>()("PushRejected", { branch, evidence }) {
  override get message() {
    return `The remote refused the push to ${this.branch}: ${this.evidence.excerpt}`
  }
}

export class PushProtected extends Schema.TaggedError<PushProtected>()("PushProtected", {
  branch,
  evidence
}) {
  override get message() {
    return `${this.branch} is protected: ${this.evidence.excerpt}`
  }
}

/** The remote found a secret in the commit. */
export class SecretBlocked extends Schema.TaggedError<SecretBlocked>()("SecretBlocked", {
  branch,
  evidence
}) {
  override get message() {
    return `The remote found a secret in the commit and refused it: ${this.evidence.excerpt}`
  }
}

export class NothingToMerge extends Schema.TaggedError<NothingToMerge>()("NothingToMerge", {
  branch,
  evidence
}) {
  override get message() {
    return `The forge sees no commits on ${this.branch} that its base lacks: ${this.evidence.excerpt}`
  }
}

/** The head branch already has an open pull request. */
export class PullRequestExists extends Schema.TaggedError<PullRequestExists>()("PullRequestExists", {
  branch,
  evidence
}) {
  override get message() {
    return `${this.branch} already has a pull request: ${this.evidence.excerpt}`
  }
}

/** Somebody has merged or closed the pull request of this work, and another one is not for a machine to open. */
export class PullRequestEnded extends Schema.TaggedError<PullRequestEnded>()("PullRequestEnded", {
  number: Schema.Int,
  merged: Schema.Boolean
}) {
  override get message() {
    return `Somebody has ${this.merged ? "merged" : "closed"} pull request #${this.number} of this work`
  }
}

/** The forge said yes, but reading back does not show it. */
export class PullRequestUnverified extends Schema.TaggedError<PullRequestUnverified>()(
  "PullRequestUnverified",
  {
    expected: Schema.String,
    found: Schema.String
  }
) {
  override get message() {
    return `The pull request could not be verified: expected ${this.expected}, found ${this.found}`
  }
}

/** The forge failed in a way that no rule recognises. */
export class ForgeFailed extends Schema.TaggedError<ForgeFailed>()("ForgeFailed", { evidence }) {
  override get message() {
    return `${this.evidence.operation} failed (${this.evidence.httpStatus ?? "no status"}): ${this.evidence.excerpt}`
  }
}

/** What a push can end in, beside what any remote command can. */
export const pushReasons = [HeadMoved, PushRejected, PushProtected, SecretBlocked, PermissionDenied] as const

export const PullRequestReason = Schema.Union([
  ...everyStep,
  ...remoteReasons,
  ...pushReasons,
  BaseBranchMissing,
  CircuitOpen,
  RateLimited,
  RepositoryMissing,
  NothingToMerge,
  PullRequestExists,
  PullRequestEnded,
  PullRequestUnverified,
  ForgeFailed
])
export type PullRequestReason = typeof PullRequestReason.Type

/** Publishing the change failed. The commit is kept, so that a retry publishes what was already paid for. */
export class PullRequestError extends Schema.TaggedError<PullRequestError>()("PullRequestError", {
  reason: PullRequestReason,
  failure: Failure
}) {
  override get message() {
    return this.reason.message
  }
}
