import { Context, Schema } from "effect"
import {
  AuthenticationFailed,
  BaseBranchMissing,
  CircuitOpen,
  PermissionDenied,
  RateLimited,
  RemoteUnreachable,
  RepositoryMissing,
  TimedOut
} from "../domain/errors/Reasons.ts"
import { ForgeFailed, NothingToMerge, PullRequestExists } from "../domain/errors/PullRequestError.ts"
import { RepositoryName } from "../domain/Project.ts"
import { PullRequest } from "../domain/PullRequest.ts"
import type { Service } from "./Contract.ts"

const everyCall = [
  RemoteUnreachable,
  AuthenticationFailed,
  PermissionDenied,
  RepositoryMissing,
  RateLimited,
  CircuitOpen,
  ForgeFailed,
  TimedOut
] as const

export const GitHubContract = {
  getRepository: {
    input: RepositoryName,
    output: Schema.Struct({ defaultBranch: Schema.String, canPush: Schema.Boolean }),
    failure: Schema.Union(everyCall)
  },
  /** Pull requests of one head branch, newest first. */
  findPullRequests: {
    input: Schema.Struct({
      repository: RepositoryName,
      branch: Schema.NonEmptyString,
      state: Schema.Literals(["open", "all"])
    }),
    output: Schema.Array(PullRequest),
    failure: Schema.Union(everyCall)
  },
  getPullRequest: {
    input: Schema.Struct({ repository: RepositoryName, number: Schema.Int }),
    output: PullRequest,
    failure: Schema.Union(everyCall)
  },
  /** Opens a pull request. Not idempotent: look for one by its branch first. */
  createPullRequest: {
    input: Schema.Struct({
      repository: RepositoryName,
      branch: Schema.NonEmptyString,
      base: Schema.NonEmptyString,
      title: Schema.NonEmptyString,
      body: Schema.String
    }),
    output: PullRequest,
    failure: Schema.Union([...everyCall, BaseBranchMissing, NothingToMerge, PullRequestExists])
  },
  /** Says something under a pull request. Not idempotent: a repeated call says it twice. */
  commentPullRequest: {
    input: Schema.Struct({ repository: RepositoryName, number: Schema.Int, body: Schema.NonEmptyString }),
    output: Schema.Void,
    failure: Schema.Union(everyCall)
  },
  /** Closes a pull request without merging it; one that is closed already stays so. */
  closePullRequest: {
    input: Schema.Struct({ repository: RepositoryName, number: Schema.Int }),
    output: PullRequest,
    failure: Schema.Union(everyCall)
  }
} as const

/** The forge: GitHub, or anything that speaks its REST API. */
export class GitHub extends Context.Service<GitHub, Service<typeof GitHubContract>>()(
  "moose/services/GitHub"
) {}
